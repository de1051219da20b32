"""What people are told of a fault: what happened, and what to do. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from whitelist.registry.name_servers.faults import Fault


class SourceFault(StrEnum):
    """What can be wrong with a zone's source besides the faults of name servers."""

    NO_SERVER = "no_server"
    """Nobody has said which servers to ask."""
    BAD_ZONE = "bad_zone"
    """The transfer was sound, and its content cannot be taken as this zone."""
    BAD_FILE = "bad_file"
    """The file is not there, may not be read, or has bad lines."""


class Words(NamedTuple):
    what: str | Promise
    to_do: str | Promise


WORDS: dict[str, Words] = {
    Fault.NO_KEY: Words(
        _("The TSIG key is not in our key file."),
        _("Put the key into the file of DNS_KEYS_FILE, or correct its name at the server."),
    ),
    Fault.WRONG_KEY: Words(
        _("The name server does not accept our signature."),
        _(
            "Compare the name, algorithm and secret of the key with the name server's; they must"
            " be the same on both sides."
        ),
    ),
    Fault.CLOCK: Words(
        _("Our clock and the name server's differ by more than five minutes."),
        _("Check that both machines follow NTP, and set the clock that is wrong."),
    ),
    Fault.REFUSED: Words(
        _("The name server refuses to transfer the zone."),
        _("Ask its administrator to allow transfers for our address, or for our TSIG key."),
    ),
    Fault.NOT_SERVED: Words(
        _("The name server does not serve this zone, or cannot at present."),
        _(
            "Check the zone's name and the server's address. If both are right, the zone is not"
            " loaded there: its log says why."
        ),
    ),
    Fault.DOWN: Words(
        _("The name server cannot be reached."),
        _("Check that it runs, and that the firewall lets us reach its port by UDP and TCP."),
    ),
    Fault.CUT_OFF: Words(
        _("The connection ended in the middle of the transfer."),
        _(
            "It is tried again by itself. If it stays so, look for time limits in the name"
            " server's log and in the firewalls between."
        ),
    ),
    Fault.STALLED: Words(
        _("The transfer came to a halt, or took too long."),
        _(
            "It is tried again by itself. If it stays so, check the load of the name server and"
            " the network between."
        ),
    ),
    Fault.MALFORMED: Words(
        _("The name server's answer breaks the DNS protocol."),
        _(
            "Check that a name server listens at this address and port, and nothing changes its"
            " answers on the way; the detail is for its administrator."
        ),
    ),
    Fault.TOO_LARGE: Words(
        _("The zone is larger than we take."),
        _("Check that it is the right zone; a name server may be sending without end."),
    ),
    SourceFault.NO_SERVER: Words(
        _("No name server is set for this zone."),
        _("Add a name server that may be asked for a transfer, or let it be loaded by hand."),
    ),
    SourceFault.BAD_ZONE: Words(
        _("The content of the transfer cannot be taken over."),
        _("The detail says what is wrong in the zone; it is mended at the name server."),
    ),
    SourceFault.BAD_FILE: Words(
        _("The file cannot be read, or has bad lines."),
        _(
            "Correct what the detail names in the file, or put it back into the folder of"
            " ZONE_FILES_DIR; it is read again by itself."
        ),
    ),
}
UNKNOWN = Words(_("Unknown fault"), _("The detail and the log say more."))


def words(fault: str) -> Words:
    """What happened and what to do, for a stored `fault`; also for one that is not known."""
    return WORDS.get(fault, UNKNOWN)
