"""What is a ticket, and what is none. Each hostile one differs from a good one by one thing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.tickets import Ticket, check_ticket
from tests.portal_auth.forging import OTHER_KEY, RSA_KEY, SECOND, Hostile, flipped_signature
from tests.portal_auth.hostile import HOSTILE
from tests.portal_auth.portal import ISS, JTI, NOW, TestPortal, json_bytes


@pytest.fixture(scope="module")
def portal() -> TestPortal:
    return TestPortal()


def checked(token: str, portal: TestPortal, now: datetime = NOW) -> Ticket:
    return check_ticket(token, issuers=portal.issuers(), now=now)


def code_of(token: str, portal: TestPortal, now: datetime = NOW) -> int:
    with pytest.raises(PortalCheckFailed) as refusal:
        checked(token, portal, now)
    return refusal.value.code


def test_the_table_is_long_enough_and_names_each_ticket_once() -> None:
    assert len(HOSTILE) >= 60
    assert len({hostile.what for hostile in HOSTILE}) == len(HOSTILE)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.what)
def test_a_hostile_ticket_is_refused_with_its_code(hostile: Hostile, portal: TestPortal) -> None:
    assert checked(portal.token(), portal).jti == JTI  # the good one passes right here
    assert code_of(hostile.forge(portal), portal) == hostile.code


# Good tickets


def test_a_good_ticket_tells_who_comes_in(portal: TestPortal) -> None:
    ticket = checked(portal.token(), portal)
    identity = ticket.identity
    assert identity.key == (ISS, "a0012345")
    assert (identity.role, identity.status) == ("staff", "一般")
    assert (identity.name, identity.unit) == ("王小明", "電機工程學系")
    assert identity.email == "wang@example.edu.tw"
    assert identity.signed_in_at == NOW - timedelta(seconds=60)
    assert ticket.expires_at == NOW + timedelta(seconds=120)
    assert ticket.expires_at.tzinfo is UTC


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ..., "unit": ..., "email": ...},
        {"ip": "140.114.64.154"},
        {"name": ""},
        {"sub": "a"},
        {"sub": "a" * 64},
        {"sub": "使用者-1"},
        {"jti": "A" * 22},
        {"jti": "-" * 64},
        {"exp": SECOND + 1},
        {"auth_time": SECOND},
        {"unknown_claim": {"x": [1, 2.5]}},
        {"name": "𠮷野家\U000f0000"},
        {"name": "می\u200cخواهم"},
        {"role": "emeritus", "status": "X"},
    ],
    ids=str,
)
def test_a_ticket_within_the_contract_is_accepted(
    changes: dict[str, Any], portal: TestPortal
) -> None:
    assert checked(portal.token(**changes), portal).identity.issuer == ISS


def test_texts_are_trimmed_and_composed_and_the_account_is_left_alone(portal: TestPortal) -> None:
    token = portal.token(
        sub="Jose\u0301", name=" Jose\u0301\u3000", status="　一般 ", role=" staff\n"
    )
    identity = checked(token, portal).identity
    assert identity.subject == "Jose\u0301"
    assert identity.name == "José"
    assert (identity.role, identity.status) == ("staff", "一般")


def test_long_names_are_cut_and_an_overlong_address_is_left_out(portal: TestPortal) -> None:
    identity = checked(
        portal.token(name="名" * 150, unit="u" * 150, email="e" * 255), portal
    ).identity
    assert identity.name == "名" * 100
    assert identity.unit == "u" * 100
    assert identity.email == ""


def token_of_length(portal: TestPortal, length: int) -> str:
    """Base64 has no texts of 1 mod 4 characters: spaces in the header shift the sum."""
    for spaces in range(4):
        head = json_bytes(portal.header()) + b" " * spaces
        rest = length - len(portal.signed(head, json_bytes(portal.claims(filler=""))))
        for size in range(rest * 3 // 4 - 4, rest * 3 // 4 + 4):
            token = portal.signed(head, json_bytes(portal.claims(filler="x" * size)))
            if len(token) == length:
                return token
    raise AssertionError(f"no ticket has {length} characters")


def test_4096_bytes_are_read_and_one_more_is_not(portal: TestPortal) -> None:
    assert checked(token_of_length(portal, 4096), portal).jti == JTI
    assert code_of(token_of_length(portal, 4097), portal) == -4


def test_an_rs256_issuer_is_believed_with_its_own_algorithm_only() -> None:
    portal = TestPortal(alg="RS256", keys={"rsa-1": RSA_KEY})
    assert checked(portal.token(), portal).jti == JTI
    pss = portal.header(alg="PS256")
    assert code_of(portal.token(header=pss), portal) == -4
    assert code_of(portal.token(header=portal.header(alg="RS512")), portal) == -4
    assert code_of(portal.token(header=portal.header(alg="EdDSA"), key=OTHER_KEY), portal) == -4


def test_two_keys_are_valid_side_by_side_and_a_withdrawn_one_is_not() -> None:
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    both = TestPortal(keys={"old": old, "new": new})
    by_old = both.token(header=both.header(kid="old"), key=old)
    by_new = both.token(header=both.header(kid="new"), key=new)
    crossed = both.token(header=both.header(kid="old"), key=new)
    assert checked(by_old, both).jti == checked(by_new, both).jti == JTI
    assert code_of(crossed, both) == -4
    only_new = TestPortal(keys={"new": new})
    assert checked(by_new, only_new).jti == JTI
    assert code_of(by_old, only_new) == -4


def test_one_portal_cannot_sign_for_another() -> None:
    ours, theirs = TestPortal(), TestPortal(iss="https://second.example")
    issuers = ours.issuers() | theirs.issuers()
    token = ours.token(key=theirs.keys[theirs.kid])
    with pytest.raises(PortalCheckFailed) as refusal:
        check_ticket(token, issuers=issuers, now=NOW)
    assert refusal.value.code == Refusal.NOT_FROM_PORTAL
    assert check_ticket(theirs.token(), issuers=issuers, now=NOW).identity.issuer == theirs.iss


# Times, to the second


@pytest.mark.parametrize(
    ("changes", "good_at", "bad_at", "code"),
    [
        ({}, 130, 130.001, -1),  # exp = 120 s, and 10 s of skew
        ({}, -10, -10.001, -1),  # iat = 0 s
        ({"exp": SECOND + 1}, 11, 11.001, -1),
        ({"auth_time": SECOND - 1800}, 10, 10.001, -3),
        ({"auth_time": SECOND - 1700}, 110, 110.001, -3),
    ],
)
def test_the_edges_of_time_are_where_the_contract_puts_them(
    changes: dict[str, Any], good_at: float, bad_at: float, code: int, portal: TestPortal
) -> None:
    token = portal.token(**changes)
    assert checked(token, portal, NOW + timedelta(seconds=good_at)).jti == JTI
    assert code_of(token, portal, NOW + timedelta(seconds=bad_at)) == code


@pytest.mark.parametrize("span", [1, 119, 120])
def test_a_life_of_up_to_120_seconds_is_allowed(span: int, portal: TestPortal) -> None:
    assert checked(portal.token(exp=SECOND + span), portal).jti == JTI


def test_a_sign_in_a_few_seconds_ahead_is_only_another_clock(portal: TestPortal) -> None:
    assert checked(portal.token(auth_time=SECOND + 10), portal).jti == JTI


# The first code that matches is the one


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"auth_time": "x", "iat": SECOND - 300, "exp": SECOND - 200}, -4),
        ({"jti": "short", "auth_time": SECOND - 9000}, -4),
        ({"iat": SECOND - 300, "exp": SECOND - 200, "auth_time": SECOND - 9000}, -1),
        ({"auth_time": SECOND - 9000, "status": "畢", "role": "student"}, -3),
    ],
)
def test_of_several_faults_the_first_of_the_table_counts(
    changes: dict[str, Any], code: int, portal: TestPortal
) -> None:
    assert code_of(portal.token(**changes), portal) == code


def test_the_log_line_never_holds_the_ticket(portal: TestPortal) -> None:
    token = flipped_signature(portal.token())
    with pytest.raises(PortalCheckFailed) as refusal:
        checked(token, portal)
    text = f"{refusal.value} {refusal.value.detail}"
    assert not [part for part in token.split(".") if part in text]


def test_an_authentic_refusal_knows_its_portal_and_a_forged_one_does_not(
    portal: TestPortal,
) -> None:
    for changes, issuer in (({"auth_time": SECOND - 9000}, ISS), ({"jti": ""}, "")):
        with pytest.raises(PortalCheckFailed) as refusal:
            checked(portal.token(**changes), portal)
        assert refusal.value.issuer == issuer
