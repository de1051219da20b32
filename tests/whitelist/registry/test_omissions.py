"""What a zone leaves out: exact numbers, records to read, and bounded memory."""

from __future__ import annotations

import pytest

from whitelist.registry.classify import LeftOut
from whitelist.registry.omissions import MOST_KEPT, Omission, Omissions


@pytest.mark.parametrize(
    ("owner", "kind", "target", "address"),
    [
        ("3.64.114.140.in-addr.arpa", "PTR", "_x.nthu.edu.tw", "140.114.64.3"),
        ("001.64.114.140.in-addr.arpa", "PTR", "pc1.nthu.edu.tw", "140.114.64.1"),
        ("1.88.114.140.in-addr.arpa", "CNAME", "1.rev.chem.nthu.edu.tw", "140.114.88.1"),
        ("_tcp.ee.nthu.edu.tw", "A", "140.114.64.9", "140.114.64.9"),
        ("_tcp.ee.nthu.edu.tw", "AAAA", "2001:288:E001::9", "2001:288:e001::9"),
        ("300.64.114.140.in-addr.arpa", "PTR", "pc1.nthu.edu.tw", None),
        ("*.80.114.140.in-addr.arpa", "PTR", "any.nthu.edu.tw", None),
        ("www.ee.nthu.edu.tw", "CNAME", "mail.ee.nthu.edu.tw", None),
        ("group.ee.nthu.edu.tw", "A", "224.0.0.1", None),
        ("mapped.ee.nthu.edu.tw", "AAAA", "::ffff:140.114.64.9", None),
        ("odd.ee.nthu.edu.tw", "A", "no address", None),
    ],
)
def test_an_omission_names_the_address_it_was_meant_for_where_that_can_be_told(
    owner: str, kind: str, target: str, address: str | None
) -> None:
    omission = Omission.of(LeftOut.NOT_A_HOSTNAME, owner, kind, target)
    assert omission == (LeftOut.NOT_A_HOSTNAME, owner, kind, target, address)


def omission(reason: LeftOut, number: int = 0) -> Omission:
    return Omission(reason, f"{number}.64.114.140.in-addr.arpa", "PTR", "x.", None)


def test_every_omission_is_counted_and_the_first_ones_are_kept_in_order() -> None:
    omissions = Omissions()
    given = [omission(LeftOut.ALIAS, 1), omission(LeftOut.WILDCARD, 2), omission(LeftOut.ALIAS, 3)]
    for one in given:
        omissions.add(one)
    assert omissions.counts == {LeftOut.ALIAS: 2, LeftOut.WILDCARD: 1}
    assert omissions.kept == given


def test_however_many_there_are_no_more_than_a_fixed_number_is_kept() -> None:
    omissions = Omissions()
    for number in range(MOST_KEPT + 500):
        omissions.add(omission(LeftOut.ALIAS, number))
    assert omissions.counts == {LeftOut.ALIAS: MOST_KEPT + 500}
    assert [one.owner for one in omissions.kept[:: MOST_KEPT - 1]] == [
        omission(LeftOut.ALIAS, number).owner for number in (0, MOST_KEPT - 1)
    ]
    assert len(omissions.kept) == MOST_KEPT


@pytest.mark.parametrize(
    ("many", "few"),
    [
        (LeftOut.ALIAS, LeftOut.UNFINISHED_TARGET),
        (LeftOut.OCCLUDED, LeftOut.NOT_AN_ADDRESS),
        (LeftOut.NOT_A_HOSTNAME, LeftOut.WILDCARD),
    ],
)
def test_what_is_malformed_and_what_is_not_do_not_crowd_each_other_out(
    many: LeftOut, few: LeftOut
) -> None:
    omissions = Omissions()
    for number in range(MOST_KEPT + 1):
        omissions.add(omission(many, number))
    omissions.add(omission(few))
    assert omissions.kept[-1] == omission(few)
    assert len(omissions.kept) == MOST_KEPT + 1


def test_a_second_reading_begins_anew() -> None:
    omissions = Omissions()
    for number in range(MOST_KEPT):
        omissions.add(omission(LeftOut.NOT_AN_ADDRESS, number))
    omissions.clear()
    assert omissions == Omissions()
    omissions.add(omission(LeftOut.NOT_AN_ADDRESS))
    assert omissions.kept == [omission(LeftOut.NOT_AN_ADDRESS)]
