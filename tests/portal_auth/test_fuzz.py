"""Whatever arrives, the answer is a ticket or a refusal, never a crash."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.tickets import Ticket, check_ticket
from tests.portal_auth.portal import NOW, TestPortal, json_bytes

PORTAL = TestPortal()
ISSUERS = PORTAL.issuers()
GOOD = PORTAL.token()

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
claim_names = st.sampled_from([*sorted(PORTAL.claims()), "ip", "nbf", "cnf", "x"])
header_names = st.sampled_from([*PORTAL.header(), "jku", "crit", "b64", "zip", "cty", "x"])


def outcome(token: str) -> Ticket | PortalCheckFailed:
    """Anything but these two leaves the test as the crash that it is."""
    try:
        return check_ticket(token, issuers=ISSUERS, now=NOW)
    except PortalCheckFailed as refusal:
        return refusal


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_refused_as_not_from_the_portal(text: str) -> None:
    result = outcome(text)
    assert isinstance(result, PortalCheckFailed)
    assert result.code == Refusal.NOT_FROM_PORTAL


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_a_ticket_with_one_character_changed_is_the_same_or_refused(at: int, new: str) -> None:
    token = GOOD[:at] + new + GOOD[at + 1 :]
    result = outcome(token)
    assert isinstance(result, Ticket) == (token == GOOD)


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(claim_names, json_values, max_size=4))
def test_any_signed_claims_give_a_ticket_or_a_refusal(changes: dict[str, Any]) -> None:
    result = outcome(PORTAL.token(**changes))
    if isinstance(result, Ticket):
        identity = result.identity
        assert identity.issuer == PORTAL.iss
        assert 1 <= len(identity.subject) <= 64
        assert len(identity.name) <= 100
        # whatever came in can be stored and shown
        assert json.dumps([identity.subject, identity.name, identity.unit]).isascii()
        f"{identity.subject}{identity.name}{identity.unit}{identity.email}".encode()


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(header_names, json_values, min_size=1, max_size=3))
def test_any_signed_header_gives_a_ticket_or_a_refusal(changes: dict[str, Any]) -> None:
    result = outcome(PORTAL.token(header=PORTAL.header(**changes)))
    if isinstance(result, Ticket):
        assert {"alg", "typ", "kid", "jku", "crit", "b64", "zip"}.isdisjoint(
            name for name, value in changes.items() if PORTAL.header().get(name) != value
        )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_signed_bytes_give_a_refusal(data: bytes) -> None:
    result = outcome(PORTAL.signed(json_bytes(PORTAL.header()), data))
    assert isinstance(result, PortalCheckFailed)
    assert result.code == Refusal.NOT_FROM_PORTAL
