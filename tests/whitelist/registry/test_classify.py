"""What a record says: a host, or why it registers nobody."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from whitelist.addresses import AddressError
from whitelist.registry.classify import MALFORMED, LeftOut, forward_host, reverse_host

V4 = "140.114.64.154"
V6 = "2001:288:e001:64::154"


def test_a_reason_has_a_code_to_store_and_words_for_people() -> None:
    codes = [str(reason) for reason in LeftOut]
    assert all(code.isidentifier() and code.islower() and len(code) <= 30 for code in codes)
    assert LeftOut("unfinished_target") is LeftOut.UNFINISHED_TARGET
    with override("en"):
        assert [reason.label for reason in LeftOut] == [reason.phrase for reason in LeftOut]
    assert len({reason.phrase for reason in LeftOut}) == len(LeftOut)


def test_malformed_is_what_was_meant_to_register_a_host() -> None:
    assert {reason.name for reason in MALFORMED} == {
        "NOT_AN_ADDRESS",
        "NOT_A_HOSTNAME",
        "UNFINISHED_TARGET",
    }


@pytest.mark.parametrize(
    ("owner", "kind", "address", "outcome"),
    [
        ("pc1.ee.nthu.edu.tw", "A", V4, (V4, "pc1.ee.nthu.edu.tw")),
        ("pc1.ee.nthu.edu.tw", "AAAA", V6.upper(), (V6, "pc1.ee.nthu.edu.tw")),
        ("my_pc.ee.nthu.edu.tw", "A", V4, (V4, "my_pc.ee.nthu.edu.tw")),
        ("*.ee.nthu.edu.tw", "A", V4, LeftOut.WILDCARD),
        ("*.x.ee.nthu.edu.tw", "A", V4, LeftOut.WILDCARD),
        ("_spf.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("-pc.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("pc\\032x.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("ñandú.ee.nthu.edu.tw", "A", V4, LeftOut.NOT_A_HOSTNAME),
        ("pc1.ee.nthu.edu.tw", "A", "224.0.0.1", LeftOut.NOT_A_COMPUTER),
        ("pc1.ee.nthu.edu.tw", "AAAA", "::ffff:140.114.64.154", LeftOut.NOT_A_COMPUTER),
        ("pc1.ee.nthu.edu.tw", "AAAA", "::", LeftOut.NOT_A_COMPUTER),
    ],
)
def test_an_address_record_states_a_host_or_is_left_out(
    owner: str, kind: str, address: str, outcome: object
) -> None:
    assert forward_host(owner, kind, address) == outcome


@pytest.mark.parametrize(
    ("kind", "address"),
    [("A", "140.114.64.999"), ("A", "140.114.064.154"), ("A", V6), ("AAAA", V4), ("A", "x")],
)
def test_an_address_record_that_no_server_loads_is_an_error(kind: str, address: str) -> None:
    with pytest.raises(AddressError):
        forward_host("pc1.ee.nthu.edu.tw", kind, address)


@pytest.mark.parametrize(
    ("owner", "target", "outcome"),
    [
        ("154.64.114.140.in-addr.arpa", "pc.ee.nthu.edu.tw", (V4, "pc.ee.nthu.edu.tw")),
        ("*.64.114.140.in-addr.arpa", "pc.ee.nthu.edu.tw", LeftOut.WILDCARD),
        ("300.64.114.140.in-addr.arpa", "pc.ee.nthu.edu.tw", LeftOut.NOT_AN_ADDRESS),
        (
            "154.64.114.140.in-addr.arpa",
            "pc.ee.nthu.edu.tw.64.114.140.in-addr.arpa",
            LeftOut.UNFINISHED_TARGET,
        ),
        ("154.64.114.140.in-addr.arpa", "", LeftOut.NOT_A_HOSTNAME),
        ("154.64.114.140.in-addr.arpa", "localhost", LeftOut.NOT_A_HOSTNAME),
        ("154.64.114.140.in-addr.arpa", "*.ee.nthu.edu.tw", LeftOut.NOT_A_HOSTNAME),
    ],
)
def test_a_ptr_record_states_a_host_or_is_left_out(
    owner: str, target: str, outcome: object
) -> None:
    assert reverse_host(owner, target) == outcome
