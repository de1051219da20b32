"""Zones for tests, as messy as real ones."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO, StringIO

from whitelist.registry.name_servers.wire import TYPES, Record
from whitelist.registry.sources import BadLines
from whitelist.registry.sources.master_file import MasterFile
from whitelist.registry.sources.zone_file import ZoneFile, target_of

MESSY_FORWARD = b"""\xef\xbb\xbf; \xa6\xb3\xa4\xa4\xa4\xe5 (Big5, as comments are)
$TTL 1h
$ORIGIN EE.nthu.edu.tw.
@       1D IN SOA ns1 hostmaster.ee.nthu.edu.tw. (
            2026112401 ; serial; with a semicolon
            3h 15m
            2w 1h )
        IN NS ns1
        IN MX 10 mail
        IN TXT "v=spf1 (not a parenthesis; nor a comment) -all" "second \\" part"
ns1     IN A 140.114.64.1
mail 300 IN A 140.114.64.25
Lab154  IN 300 A 140.114.64.154
        AAAA 2001:288:E001:64::154
twice   A 140.114.64.30
twice   A 140.114.64.30
www     CNAME mail
*       A 140.114.64.9
*.sub   A 140.114.64.9
_tcp    A 140.114.64.9
out.other.tw. A 140.114.64.9
many    A 224.0.0.1
lab     NS ns1.lab
ns1.lab A 140.114.64.99
deep.er.lab A 140.114.64.98
lab     A 140.114.64.97
old     DNAME new.ee.nthu.edu.tw.
a.old   A 140.114.64.96
old     A 140.114.64.95
154.rev PTR lab154
$GENERATE 1-50 pc$ A 140.114.64.$
$ORIGIN sub
x       A 140.114.64.40
$ORIGIN ee.nthu.edu.tw.
"""
FORWARD_HOSTS = {
    ("140.114.64.1", "ns1.ee.nthu.edu.tw"),
    ("140.114.64.25", "mail.ee.nthu.edu.tw"),
    ("140.114.64.154", "lab154.ee.nthu.edu.tw"),
    ("2001:288:e001:64::154", "lab154.ee.nthu.edu.tw"),
    ("140.114.64.30", "twice.ee.nthu.edu.tw"),
    ("140.114.64.40", "x.sub.ee.nthu.edu.tw"),
    ("140.114.64.95", "old.ee.nthu.edu.tw"),
}
MESSY_REVERSE = b"""$ORIGIN 114.140.in-addr.arpa.
@ 3600 IN SOA ns1.nthu.edu.tw. hostmaster.nthu.edu.tw. 7 1h 15m 2w 1h
@ IN NS ns1.nthu.edu.tw.
154.64 IN PTR lab154.ee.nthu.edu.tw.
155.64 IN PTR LAB155.EE.nthu.edu.tw.
1.64 IN PTR ns1.ee.nthu.edu.tw
*.80 IN PTR any.phys.nthu.edu.tw.
300.64 IN PTR a.nthu.edu.tw.
001.64 IN PTR b.nthu.edu.tw.
foo.64 IN PTR c.nthu.edu.tw.
64 IN PTR net.nthu.edu.tw.
2.64 IN PTR 2nd.
3.64 IN PTR _x.nthu.edu.tw.
4.64 IN PTR unused.nthu.edu.tw.
5.64 IN PTR reserved-5.ee.nthu.edu.tw.
71 IN NS ns1.cs.nthu.edu.tw.
5.71 IN PTR pc5.cs.nthu.edu.tw.
0/27.88 IN NS ns1.chem.nthu.edu.tw.
1.88 IN CNAME 1.0/27.88
1.0/27.88 IN PTR pc1.chem.nthu.edu.tw.
9.88 IN PTR pc9.chem.nthu.edu.tw.
1.1.168.192.in-addr.arpa. IN PTR x.nthu.edu.tw.
"""
REVERSE_HOSTS = {
    ("140.114.64.154", "lab154.ee.nthu.edu.tw"),
    ("140.114.64.155", "lab155.ee.nthu.edu.tw"),
    ("140.114.88.9", "pc9.chem.nthu.edu.tw"),
}


def zone_file(text: bytes | str, origin: str | None = None) -> ZoneFile:
    content = text.encode() if isinstance(text, str) else text
    return ZoneFile(BytesIO(content), origin)


def hosts_of(zone: ZoneFile) -> set[tuple[str, str]]:
    return {(row.address, row.name) for row in zone.hosts()}


def transferred(text: bytes | str, origin: str | None = None) -> Iterator[Record]:
    """The records of a master file, without `$GENERATE`, as a transfer would have them."""
    content = (
        text.decode("latin-1").removeprefix("\xef\xbb\xbf") if isinstance(text, bytes) else text
    )
    for record in MasterFile(StringIO(content), BadLines(), origin):
        if record.type == "SOA":
            yield Record(record.owner, "SOA", " ".join(record.rdata))
        elif record.type in TYPES.values():
            yield Record(record.owner, record.type, target_of(record))
