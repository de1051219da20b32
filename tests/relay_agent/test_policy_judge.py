"""What Postfix is told, request by request."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from relay_agent.policy import View
from relay_agent.policy.judge import MOST_MESSAGES, Judge
from relay_agent.policy.protocol import Reader
from relay_agent.snapshot import Limits
from tests.relay_agent.policy_client import CLIENT, SERVICE, request, view

START = 7_200.0
OTHER = "140.114.64.155"
PERMIT = "permit_mynetworks, permit_sasl_authenticated, permit_auth_destination"
LINK = f"{SERVICE}/smtp-whitelist/"
THREE = Limits(per_hour=3)
EXEMPT = view(CLIENT, limits=THREE)
NOBODY = view()


def told(judge: Judge, seen: View, now: float = START, **attributes: str) -> str:
    (one,) = Reader().requests(request(**attributes))
    return judge.action(one, seen, now)


def send(
    judge: Judge, seen: View, recipients: Iterable[int], now: float = START, instance: str = "1"
) -> list[str]:
    """One RCPT after the other; the first words of the answers."""
    return [
        told(judge, seen, now, recipient=f"r{n}@example.net", instance=instance).split()[0]
        for n in recipients
    ]


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("CONNECT", "DUNNO"),
        ("EHLO", "DUNNO"),
        ("HELO", "DUNNO"),
        ("MAIL", "DUNNO"),
        ("RCPT", PERMIT),
        ("DATA", "OK"),
        ("END-OF-MESSAGE", "OK"),
        ("VRFY", "DUNNO"),
        ("ETRN", "DUNNO"),
        ("rcpt", "DUNNO"),
        ("", "DUNNO"),
    ],
)
def test_an_exempt_address_ends_the_list_at_a_recipient_and_after_it(
    state: str, action: str
) -> None:
    assert told(Judge(), view(CLIENT), protocol_state=state) == action
    assert told(Judge(), NOBODY, protocol_state=state) == "DUNNO"


@pytest.mark.parametrize("address", ["unknown", "", "140.114.64.154%1", "140.114.064.154"])
def test_what_is_no_address_is_not_exempt_and_not_limited(address: str) -> None:
    judge = Judge(THREE)
    assert {told(judge, EXEMPT, client_address=address, instance=str(n)) for n in range(9)} == {
        "DUNNO"
    }


def test_an_address_in_another_form_is_the_same_address() -> None:
    assert told(Judge(), view(CLIENT), client_address=f"::ffff:{CLIENT}") == PERMIT
    seen = view("2001:288:e001::64")
    assert told(Judge(), seen, client_address="2001:288:E001:0:0:0:0:64") == PERMIT
    assert told(Judge(), seen, client_address="2001:288:e001::65") == "DUNNO"


def test_the_expiry_is_asked_at_each_request_with_key_and_value() -> None:
    ends, asked = [True, False], []

    def lasting(key: bytes, value: bytes) -> bool:
        asked.append((key, value))
        return ends[len(asked) - 1]

    seen = View({CLIENT.encode(): b"1764001328"}, Limits(), SERVICE, lasting)
    judge = Judge()
    assert [told(judge, seen), told(judge, seen)] == [PERMIT, "DUNNO"]
    assert asked == [(CLIENT.encode(), b"1764001328")] * 2


def test_an_exempt_address_is_refused_beyond_the_raised_limit_and_told_when_and_where() -> None:
    judge = Judge()
    assert send(judge, EXEMPT, range(3)) == ["permit_mynetworks,"] * 3
    assert told(judge, EXEMPT, START + 600) == (
        f"450 4.7.1 too many recipients from {CLIENT}: the limit is 3 in one hour"
        f" while whitelisted; there is room again in 51 minutes; see {LINK}"
    )
    assert send(judge, EXEMPT, [9], START + 3_659) == ["450"]
    assert send(judge, EXEMPT, [9], START + 3_660) == ["permit_mynetworks,"]


def test_others_are_not_limited_without_normal_limits() -> None:
    judge = Judge()
    assert set(send(judge, NOBODY, range(99))) == {"DUNNO"}
    assert not judge.usage


def test_others_are_refused_beyond_the_normal_limit_and_told_where_it_is_lifted() -> None:
    judge = Judge(Limits(per_day=3))
    assert send(judge, NOBODY, range(3)) == ["DUNNO"] * 3
    assert told(judge, NOBODY) == (
        f"450 4.7.1 too many recipients from {CLIENT}: the limit is 3 in one day;"
        f" there is room again in 1470 minutes; it may be lifted for a while at {LINK}"
    )
    assert told(judge, NOBODY, client_address=OTHER) == "DUNNO"


def test_what_was_sent_while_exempt_does_not_use_up_the_normal_limit() -> None:
    judge = Judge(THREE)
    seen = view(CLIENT)
    assert set(send(judge, seen, range(99))) == {"permit_mynetworks,"}
    assert send(judge, NOBODY, range(100, 104)) == ["DUNNO"] * 3 + ["450"]
    assert send(judge, seen, [200]) == ["permit_mynetworks,"]


def test_refused_recipients_do_not_count() -> None:
    judge = Judge(THREE)
    send(judge, NOBODY, range(50))
    assert send(judge, NOBODY, [50], START + 3_660) == ["DUNNO"]
    assert judge.usage[CLIENT.encode(), False].hour.used(START + 3_660) == 1


def test_the_same_question_again_counts_once_and_gets_the_same_answer() -> None:
    judge = Judge(THREE)
    assert send(judge, NOBODY, [1, 1, 2, 2, 3, 3, 4, 4]) == ["DUNNO"] * 6 + ["450"] * 2
    assert send(Judge(THREE), NOBODY, [1, 2, 1, 2]) == ["DUNNO"] * 3 + ["450"]


def test_at_data_only_what_was_not_counted_at_the_recipients_is_added() -> None:
    judge = Judge(THREE)
    send(judge, NOBODY, range(2))

    def at(state: str, count: str) -> str:
        return told(judge, NOBODY, protocol_state=state, instance="1", recipient_count=count)

    assert at("DATA", "2") == "DUNNO"
    assert at("DATA", "3") == "DUNNO"
    assert at("DATA", "4").startswith("450 4.7.1 ")
    assert at("END-OF-MESSAGE", "3") == "DUNNO"
    assert at("END-OF-MESSAGE", "4").startswith("450 4.7.1 ")


def test_a_message_beyond_the_limit_by_itself_is_told_so() -> None:
    text = told(Judge(THREE), NOBODY, protocol_state="DATA", recipient_count="4")
    assert "; this message alone is beyond it; " in text


def test_totals_are_of_exempt_addresses_each_message_once() -> None:
    judge = Judge(Limits(per_hour=99))
    seen = view(CLIENT)
    send(judge, seen, range(3), instance="1")
    told(judge, seen, protocol_state="DATA", recipient_count="3", instance="1")
    told(judge, seen, protocol_state="END-OF-MESSAGE", recipient_count="5", instance="2")
    send(judge, NOBODY, range(3), instance="3")
    told(judge, seen, client_address=OTHER)
    assert judge.totals == {CLIENT.encode(): (2, 8)}


def test_of_messages_that_never_ended_only_the_latest_are_remembered() -> None:
    judge = Judge()
    (one,) = Reader().requests(request())
    for number in range(MOST_MESSAGES + 10):
        judge._message(CLIENT.encode(), b"%d" % number)
    judge.action(one, EXEMPT, START)
    assert len(judge.messages) == MOST_MESSAGES


@pytest.mark.parametrize(
    "service",
    ["", "ftp://x", "https://x y", "https://x\nDUNNO", "https://" + "x" * 201, "https://清華"],
    ids=["none", "no http", "a space", "a line break", "too long", "not ASCII"],
)
def test_a_service_that_cannot_stand_in_a_reply_is_left_out_of_it(service: str) -> None:
    text = told(Judge(THREE), view(service=service), protocol_state="DATA", recipient_count="4")
    assert text.endswith("; this message alone is beyond it")


def test_the_longest_refusal_fits_into_a_line_of_smtp() -> None:
    address = ":".join(["ffff"] * 8)
    seen = view(service="https://" + "x" * 200)
    judge = Judge(Limits(per_day=999_999_999))

    def at(instance: str) -> str:
        return told(
            judge,
            seen,
            protocol_state="DATA",
            recipient_count="1000000",
            client_address=address,
            instance=instance,
        )

    for number in range(999):
        assert at(str(number)) == "DUNNO"
    text = at("x")
    assert text.startswith("450 4.7.1 ")
    assert len(text) < 450
    assert text.isascii()
    assert text.isprintable()
