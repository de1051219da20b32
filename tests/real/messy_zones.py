"""Zones as messy as real ones, each record with what it must come to.

Every record that the registry looks at (A, AAAA, PTR, CNAME) states a host, or is left out for
a reason; all others register nobody and are not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Host = tuple[str, str]  # address, name; both canonical

REVERSE = "114.140.in-addr.arpa"
FORWARD = "ee.nthu.edu.tw"
REVERSE_IPV6 = "1.0.0.e.8.8.2.0.1.0.0.2.ip6.arpa"  # 2001:288:e001::/48
LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 46])  # with FORWARD: 253 characters


class Row(NamedTuple):
    """A record, and what becomes of it.

    `outcome`: the host that it states, the name of a `LeftOut`, or "" where nobody looks.
    `generated`: a machine made the host's name. Only BIND serves rows that are `bind_only`.
    """

    owner: str
    type: str
    data: str
    outcome: Host | str = ""
    generated: bool = False
    bind_only: bool = False


@dataclass(frozen=True)
class MessyZone:
    """`body()` is for a `Zone`; `hosts`, `generated` and `left_out` are what must come of it."""

    name: str
    rows: Sequence[Row]

    def body(self) -> str:
        return "".join(f"{row.owner} IN {row.type} {row.data}\n" for row in self.rows)

    @property
    def hosts(self) -> set[Host]:
        """Address and name, generated ones too."""
        return {row.outcome for row in self.rows if isinstance(row.outcome, tuple)}

    @property
    def generated(self) -> set[Host]:
        """Those of the hosts whose names register nobody."""
        return {row.outcome for row in self.rows if row.generated and row.outcome in self.hosts}

    @property
    def left_out(self) -> Counter[str]:
        """How many records, by the name of the `LeftOut`."""
        return Counter(
            row.outcome for row in self.rows if isinstance(row.outcome, str) and row.outcome
        )

    def for_every_server(self) -> MessyZone:
        """Without what Knot and NSD refuse to load."""
        return MessyZone(self.name, [row for row in self.rows if not row.bind_only])


def pointer(last: str, name: str, *, generated: bool = False) -> Row:
    """A PTR of 140.114.64.`last` that is a host."""
    return Row(f"{last}.64", "PTR", f"{name}.", (f"140.114.64.{last}", name), generated)


def bad_pointer(owner: str, target: str, reason: str) -> Row:
    return Row(owner, "PTR", target, reason)


def messy_reverse_zone() -> MessyZone:
    rows = [
        pointer("154", "lab154.ee.nthu.edu.tw"),
        Row("155.64", "PTR", "LAB155.EE.Nthu.EDU.tw.", ("140.114.64.155", "lab155.ee.nthu.edu.tw")),
        pointer("20", "www.ee.nthu.edu.tw"),
        pointer("20", "mail.ee.nthu.edu.tw"),
        pointer("21", "www.ee.nthu.edu.tw"),
        pointer("22", "my_pc.ee.nthu.edu.tw"),
        pointer("23", "a.phys.nthu.edu.tw"),
        pointer("0", "net64.nthu.edu.tw"),
        pointer("255", "end64.nthu.edu.tw"),
        # A wildcard answers for every host that has no record of its own
        bad_pointer("*.80", "any.phys.nthu.edu.tw.", "WILDCARD"),
        Row("7.80", "PTR", "pc7.phys.nthu.edu.tw.", ("140.114.80.7", "pc7.phys.nthu.edu.tw")),
        # Owners that are no address
        bad_pointer("300.64", "a.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer("001.64", "b.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer("foo.64", "c.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer("64", "net.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer("5.30.64", "deep.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer(r"1\.2.64", "dot.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer("@", "apex.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        # Targets that are no host's name
        bad_pointer("1.64", "ns1.ee.nthu.edu.tw", "UNFINISHED_TARGET"),
        bad_pointer("2.64", "2nd", "UNFINISHED_TARGET"),
        bad_pointer("3.64", "_x.nthu.edu.tw.", "NOT_A_HOSTNAME"),
        bad_pointer("4.64", ".", "NOT_A_HOSTNAME"),
        bad_pointer("5.64", "localhost.", "NOT_A_HOSTNAME"),
        bad_pointer("6.64", "140.114.64.6.", "NOT_A_HOSTNAME"),
        bad_pointer("7.64", r"pc\.7.ee.nthu.edu.tw.", "NOT_A_HOSTNAME"),
        bad_pointer("8.64", r"\230\184\133.ee.nthu.edu.tw.", "NOT_A_HOSTNAME"),
        bad_pointer("9.64", "*.ee.nthu.edu.tw.", "NOT_A_HOSTNAME"),
        bad_pointer("10.64", r"a\032b.ee.nthu.edu.tw.", "NOT_A_HOSTNAME"),
        bad_pointer("11.64", "-pc.ee.nthu.edu.tw.", "NOT_A_HOSTNAME"),
        # Six styles of generated names
        pointer("160", "host-64-160.dynamic.nthu.edu.tw", generated=True),
        pointer("161", "ip-140-114-64-161.nthu.edu.tw", generated=True),
        pointer("162", "162.64.114.140.dyn.nthu.edu.tw", generated=True),
        pointer("163", "h140x114x64x163.nthu.edu.tw", generated=True),
        pointer("164", "8c7240a4.nthu.edu.tw", generated=True),
        pointer("165", "dhcp-165.ee.nthu.edu.tw", generated=True),
        # Names that stand for nobody
        *placeholder_pointers(),
        # Delegated and moved away; what lies below is in every transfer all the same
        Row("71", "NS", "ns1.cs.nthu.edu.tw."),
        Row("71", "DS", f"4711 13 2 {'AB' * 32}"),
        bad_pointer("5.71", "pc5.cs.nthu.edu.tw.", "OCCLUDED"),
        bad_pointer("*.71", "any.cs.nthu.edu.tw.", "OCCLUDED"),
        Row("72", "DNAME", "72.rev.cs.nthu.edu.tw."),
        Row("5.72", "PTR", "pc5.cs.nthu.edu.tw.", "OCCLUDED", bind_only=True),
        # RFC 2317 in its three spellings
        *delegated("88", "0/27"),
        *delegated("89", "0-31"),
        Row("1.90", "CNAME", "1.rev.chem.nthu.edu.tw.", "ALIAS"),
        Row("9.88", "PTR", "pc9.chem.nthu.edu.tw.", ("140.114.88.9", "pc9.chem.nthu.edu.tw")),
        *OTHER_TYPES,
    ]
    return MessyZone(REVERSE, rows)


def placeholder_pointers() -> list[Row]:
    """One target for addresses that nobody has."""
    return [
        bad_pointer(f"{last}.64", f"{word}.nthu.edu.tw.", "PLACEHOLDER")
        for last, word in [("170", "unused"), ("171", "unassigned-171"), ("172", "reserved")]
    ]


def delegated(third: str, child: str) -> list[Row]:
    """An RFC 2317 child of 140.114.`third`.0/24, with an alias into it and a record below it."""
    zone = f"{child}.{third}"
    return [
        Row(zone, "NS", "ns1.chem.nthu.edu.tw."),
        Row(f"1.{third}", "CNAME", f"1.{zone}", "ALIAS"),
        bad_pointer(f"2.{zone}", "pc2.chem.nthu.edu.tw.", "OCCLUDED"),
    ]


def rfc2317_zones() -> list[MessyZone]:
    """The children that the reverse zone delegates, in the three spellings."""

    def row(third: str, outcome: Host | str) -> Row:
        return Row("1", "PTR", f"pc1-{third}.chem.nthu.edu.tw.", outcome)

    return [
        MessyZone(
            f"{child}.{third}.{REVERSE}",
            [row(third, (f"140.114.{third}.1", f"pc1-{third}.chem.nthu.edu.tw"))],
        )
        for third, child in [("88", "0/27"), ("89", "0-31")]
    ] + [MessyZone("rev.chem.nthu.edu.tw", [row("90", "WRONG_TREE")])]


def messy_forward_zone() -> MessyZone:
    def host(owner: str, kind: str, data: str, address: str = "", *, made: bool = False) -> Row:
        return Row(owner, kind, data, (address or data, f"{owner.lower()}.{FORWARD}"), made)

    rows = [
        host("ns1", "A", "140.114.64.1"),
        host("Lab154", "A", "140.114.64.154"),
        host("Lab154", "AAAA", "2001:288:E001:64:0:0:0:154", "2001:288:e001:64::154"),
        host("many", "A", "140.114.64.30"),
        host("many", "A", "140.114.64.31"),
        host("one", "A", "140.114.64.30"),
        host("my_pc", "A", "140.114.64.32"),
        host("x.sub", "A", "140.114.64.33"),
        host("here", "A", "127.0.0.1"),
        host(LONGEST, "A", "140.114.64.34"),
        Row("@", "A", "140.114.64.35", ("140.114.64.35", FORWARD)),
        Row("www", "CNAME", "lab154", "ALIAS"),
        Row("out", "CNAME", "www.example.org.", "ALIAS"),
        Row("*", "A", "140.114.64.9", "WILDCARD"),
        Row("*.sub", "AAAA", "2001:288:e001:64::9", "WILDCARD"),
        Row("_tcp", "A", "140.114.64.9", "NOT_A_HOSTNAME"),
        Row(r"pc\.1", "A", "140.114.64.9", "NOT_A_HOSTNAME"),
        Row(r"pc\0321", "A", "140.114.64.9", "NOT_A_HOSTNAME"),
        Row(r"\230\184\133", "A", "140.114.64.9", "NOT_A_HOSTNAME"),
        Row("-pc", "A", "140.114.64.9", "NOT_A_HOSTNAME"),
        Row("none", "A", "0.0.0.0", "NOT_A_COMPUTER"),  # noqa: S104 -- nobody binds to it
        Row("group", "A", "224.0.0.1", "NOT_A_COMPUTER"),
        Row("all", "A", "255.255.255.255", "NOT_A_COMPUTER"),
        Row("none", "AAAA", "::", "NOT_A_COMPUTER"),
        Row("group", "AAAA", "ff02::1", "NOT_A_COMPUTER"),
        Row("mapped", "AAAA", "::ffff:140.114.64.9", "NOT_A_COMPUTER"),
        Row("154.rev", "PTR", "lab154", "WRONG_TREE"),
        Row("unused", "A", "140.114.64.170", "PLACEHOLDER"),
        Row("reserved-17", "A", "140.114.64.171", "PLACEHOLDER"),
        # Delegated and moved away
        Row("lab", "NS", "ns1.lab"),
        Row("lab", "DS", f"4711 13 2 {'AB' * 32}"),
        Row("ns1.lab", "A", "140.114.64.99", "OCCLUDED"),
        Row("deep.er.lab", "A", "140.114.64.98", "OCCLUDED"),
        Row("lab", "A", "140.114.64.97", "OCCLUDED"),
        Row("old", "DNAME", "new.ee.nthu.edu.tw."),
        host("old", "A", "140.114.64.95"),
        Row("a.old", "A", "140.114.64.96", "OCCLUDED", bind_only=True),
        host("host-64-160", "A", "140.114.64.160", made=True),
        host("dhcp-165", "A", "140.114.64.165", made=True),
        *OTHER_TYPES,
    ]
    return MessyZone(FORWARD, rows)


def messy_ipv6_zone() -> MessyZone:
    host = "4.5.1.0.0.0.0.0.0.0.0.0.0.0.0.0.4.6.0.0"
    name = f"lab154.{FORWARD}"
    rows = [
        Row(host, "PTR", f"{name}.", ("2001:288:e001:64::154", name)),
        bad_pointer(f"*.{host[-7:]}", "any.nthu.edu.tw.", "WILDCARD"),
        bad_pointer("4.5.1", "x.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer(host.replace("5", "g"), "y.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        bad_pointer(host.replace("5", "10"), "z.nthu.edu.tw.", "NOT_AN_ADDRESS"),
        Row("1.0.0.0", "NS", "ns1.cs.nthu.edu.tw."),
        bad_pointer("1." + "0." * 15 + "1.0.0.0", "pc1.cs.nthu.edu.tw.", "OCCLUDED"),
    ]
    return MessyZone(REVERSE_IPV6, rows)


OTHER_TYPES = [
    Row("t", "TXT", r'"v=spf1 (not a parenthesis; nor a comment) -all" "second \" part"'),
    Row("t", "MX", "10 mail.ee.nthu.edu.tw."),
    Row("t", "CAA", '0 issue "ca.example.org"'),
    Row("t", "SSHFP", f"4 2 {'AB' * 32}"),
    Row("t", "TYPE65300", r"\# 4 0A000001"),
    Row("t", "HINFO", '"PC" "A 140.114.64.9"'),
    Row("_sip._tcp", "SRV", "0 5 5060 sip.ee.nthu.edu.tw."),
    Row("_dmarc", "TXT", '"v=DMARC1; p=none"'),
    Row("_25._tcp.mail", "TLSA", f"3 1 1 {'AB' * 32}"),
    Row("t", "NSEC", "u A TXT RRSIG NSEC"),
    Row("t", "RRSIG", "TXT 13 4 300 20370101000000 20260101000000 4711 @ q80="),
    Row("@", "DNSKEY", "257 3 13 " + "A" * 86 + "=="),
]
