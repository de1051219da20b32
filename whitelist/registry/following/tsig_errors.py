"""What goes back to a request whose TSIG does not hold (RFC 8945, 5.2 and 5.3.2). Pure but for
the clock, which `dnspython` reads too.

Without the record a server that notifies us can only report an answer that it cannot trust; with
it, it reports which of the two sides has the wrong key, secret or clock.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import dns.tsig
from dns.rdtypes.ANY.TSIG import TSIG

Keys = Mapping[dns.name.Name, dns.tsig.Key]

ERRORS: dict[type[dns.exception.DNSException], dns.rcode.Rcode] = {
    dns.message.UnknownTSIGKey: dns.rcode.BADKEY,
    dns.tsig.BadAlgorithm: dns.rcode.BADKEY,  # name and algorithm together are the key
    dns.tsig.BadSignature: dns.rcode.BADSIG,
    dns.tsig.BadTime: dns.rcode.BADTIME,
}
NOT_VERIFIED = tuple(ERRORS)
MOST_BYTES = 65535


def tsig_error(wire: bytes, error: dns.exception.DNSException, keys: Keys) -> bytes:
    """NOTAUTH with the TSIG record that tells why. `error` is one of `NOT_VERIFIED`.

    Unsigned where the peer's key proves nothing; a wrong clock is told under the key, which held.
    Raises `DNSException` where the request is a response, or cannot be read to its end.
    """
    request = dns.message.from_wire(wire, keyring=False)
    response = dns.message.make_response(request)
    response.set_rcode(dns.rcode.NOTAUTH)
    if request.tsig is None:
        raise dns.exception.FormError  # what does not hold is in no record that can be read
    name = request.tsig.name
    record = about(cast(TSIG, request.tsig[0]), ERRORS[type(error)])
    if record.error == dns.rcode.BADTIME:
        # Under the peer's own time, as the RFC has it: at ours it would refuse the record too.
        bare, peers = response.to_wire(max_size=MOST_BYTES), record.time_signed
        sign = cast(Any, dns.tsig.sign)
        record = sign(bare, keys[name], record, peers, request.mac)[0]
    response.tsig = dns.rrset.from_rdata(name, 0, record)
    return response.to_wire(max_size=MOST_BYTES)


def about(asked: TSIG, error: dns.rcode.Rcode) -> TSIG:
    """The record that answers a request's; our own time is in it where that is what differs."""
    ours = int(time.time()).to_bytes(6, "big") if error == dns.rcode.BADTIME else b""
    return cast(TSIG, cast(Any, asked).replace(error=error, mac=b"", other=ours))
