"""What a host can be called, and names that stand for nobody."""

from __future__ import annotations

import pytest

from whitelist.registry.classify import LeftOut, forward_host, reverse_host
from whitelist.registry.names import HostnameError, check_hostname, is_hostname, is_placeholder

V4 = "140.114.64.154"

PLACEHOLDER_LABELS = [
    *["unused", "unassigned", "unallocated", "reserved", "placeholder", "free", "available"],
    *["not-used", "notused", "not_used", "not-in-use", "not-assigned", "unknown", "undefined"],
    *["none", "null", "nohost", "no-host", "noname", "no-name", "vacant", "unnamed"],
    *["localhost", "example", "examples", "xxx", "xxxx", "todo", "tbd", "tba"],
    # with numbers and separators
    *["reserved-17", "reserved17", "free12", "free-12", "unused_12", "unused-64-12", "xxx1"],
    *["12-unused", "12unused", "64-not-used-12", "unused--1", "null0", "none-1", "example2"],
    # with words that say nothing
    *["unused-ip", "ip-unused", "free-ip-12", "reserved-for-future-use", "ip12-reserved"],
    *["available-address", "host-none", "example-host", "unknown-host", "localhost-name"],
    # words that nobody gives to a machine, with any other
    *["unused-lab3", "lab-unassigned", "placeholder-web", "old-unused-printer"],
]
NAMED_LABELS = [
    *["freedom", "freedom12", "freebsd", "freeradius", "free-radius", "free4all", "carefree"],
    *["reserve", "reserve-api", "reservation", "reserved-parking", "preserved"],
    *["available-rooms", "availability", "nonesuch", "none-of-it", "nullmodem", "null-lab"],
    *["exampleserver", "example-based-mt", "counterexample", "localhost-gw", "mylocalhost"],
    *["todoist", "todo-app", "xx", "xxl", "x", "xxxi", "xxx-lab", "unknown-pleasures"],
    *["no", "no1", "not", "nothost", "notebook", "used", "inuse", "assigned", "unusedroom"],
    *["ip", "host", "hostname", "name12", "address", "future-lab", "for-use", "placeholders"],
    *["12", "1-2", "pc1", "lab154", "www", "mail", "xn--fiq228c", "vacant-lot", "tba-lab"],
]


def test_the_tables_of_placeholders_hold_forty_rows_each_way() -> None:
    assert len(set(PLACEHOLDER_LABELS)) >= 40
    assert len(set(NAMED_LABELS)) >= 40


@pytest.mark.parametrize("label", PLACEHOLDER_LABELS)
def test_a_name_that_stands_for_nobody_is_a_placeholder(label: str) -> None:
    name = f"{label}.ee.nthu.edu.tw"
    assert is_hostname(name)
    assert is_placeholder(name)
    assert forward_host(name, "A", V4) is LeftOut.PLACEHOLDER
    assert reverse_host("154.64.114.140.in-addr.arpa", name) is LeftOut.PLACEHOLDER


@pytest.mark.parametrize("label", NAMED_LABELS)
def test_a_name_that_people_gave_is_no_placeholder(label: str) -> None:
    name = f"{label}.ee.nthu.edu.tw"
    assert is_hostname(name)
    assert not is_placeholder(name)
    assert forward_host(name, "A", V4) == (V4, name)
    assert reverse_host("154.64.114.140.in-addr.arpa", name) == (V4, name)


@pytest.mark.parametrize("name", ["pc1.unused.nthu.edu.tw", "pc1.free.tw", "www.reserved.ee.tw"])
def test_only_the_first_label_can_make_a_placeholder(name: str) -> None:
    assert not is_placeholder(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("PC1.EE.nthu.edu.tw.", "pc1.ee.nthu.edu.tw"),
        ("my_pc.ee.nthu.edu.tw", "my_pc.ee.nthu.edu.tw"),
        ("清華.台灣", "xn--c5wm18b.xn--kpry57d"),
        ("a.b", "a.b"),
        ("3com.ee.nthu.edu.tw", "3com.ee.nthu.edu.tw"),
        (f"{'a' * 63}.tw", f"{'a' * 63}.tw"),
        (".".join(["a" * 49] * 5) + ".tw", ".".join(["a" * 49] * 5) + ".tw"),
    ],
)
def test_a_hosts_name_is_written_in_its_one_canonical_form(text: str, name: str) -> None:
    assert check_hostname(text) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty label"),
        ("pc1", "not a full domain name"),
        ("pc1..nthu.edu.tw", "empty label"),
        (".nthu.edu.tw", "empty label"),
        ("pc1.nthu.edu.tw..", "empty label"),
        ("*.ee.nthu.edu.tw", "wildcard"),
        ("_dmarc.nthu.edu.tw", "no host can have"),
        ("-pc.nthu.edu.tw", "no host can have"),
        ("pc-.nthu.edu.tw", "no host can have"),
        ("pc 1.nthu.edu.tw", "no host can have"),
        ("pc1.nthu.edu.tw\n", "no host can have"),
        ("pc/1.nthu.edu.tw", "no host can have"),
        ("=cmd.nthu.edu.tw", "no host can have"),
        (f"{'a' * 64}.tw", "longer than 63"),
        (".".join(["a" * 50] * 5) + ".tw", "longer than 253"),
        ("140.114.64.154", "ends in a number"),
        ("pc1.nthu.edu.154", "ends in a number"),
        ("\ud800.tw", "internationalised"),
        ("清華" * 40 + ".tw", "internationalised"),
    ],
)
def test_what_no_host_can_be_called_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(HostnameError, match=reason):
        check_hostname(text)
