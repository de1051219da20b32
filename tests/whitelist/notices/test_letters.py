"""Letters that a member asks for with an entry: that it has taken effect, and that it ends soon."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.whitelist.factories import ADDRESS, NOON, make_identity, register
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM
from whitelist.entries import do_end_entry, do_extend_entry, do_open_entry
from whitelist.letters import do_tell_owners, tell
from whitelist.models import Notice, ServiceSettings, WhitelistEntry
from whitelist.models.entry import EndReason
from whitelist.relay_map.acknowledge import acknowledge

pytestmark = pytest.mark.django_db
ASKED = "wang@example.edu.tw"


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def entry_of(*, wants: bool = True, email: str = ASKED, language: str = "en") -> WhitelistEntry:
    register()
    return do_open_entry(
        applicant=make_identity(email=email),
        address=parse_address(ADDRESS),
        at=NOON,
        language=language,
        wants_letters=wants,
    )


def takes_effect(entry: WhitelistEntry, at: datetime = NOON + timedelta(seconds=2)) -> None:
    acknowledge("local", serial=entry.serial, at=at)


def letters() -> list[tuple[str, str]]:
    return list(Notice.objects.order_by("pk").values_list("kind", "recipient"))


def test_the_first_comes_when_every_relay_has_it_and_once() -> None:
    entry = entry_of()
    assert do_tell_owners(NOON + minutes(1)) == 0
    takes_effect(entry)
    assert do_tell_owners(NOON + minutes(1)) == 1
    assert do_tell_owners(NOON + minutes(2)) == 0
    assert letters() == [("took_effect", ASKED)]
    letter = Notice.objects.get()
    assert letter.subject == f"[SMTP whitelist] {ADDRESS} can send without limit until 13:00:00"
    assert "Tue 24 Nov 2026, 13:00:00 (Taiwan time (UTC+8))" in letter.body
    assert "http://127.0.0.1:8000/smtp-whitelist/remove" in letter.body


def test_the_second_comes_when_extending_is_offered_and_again_after_an_extension() -> None:
    entry = entry_of()
    takes_effect(entry)
    do_tell_owners(NOON + minutes(1))
    assert do_tell_owners(NOON + minutes(49.9)) == 0
    assert do_tell_owners(NOON + minutes(50)) == 1
    assert do_tell_owners(NOON + minutes(51)) == 0
    do_extend_entry(entry, applicant=make_identity(email=ASKED), at=NOON + minutes(55))
    assert do_tell_owners(NOON + minutes(56)) == 0
    assert do_tell_owners(NOON + minutes(105)) == 1
    assert [kind for kind, _ in letters()] == ["took_effect", "ends_soon", "ends_soon"]


@pytest.mark.parametrize(
    ("wants", "email"), [(False, ASKED), (True, "")], ids=["did-not-ask", "no-address-known"]
)
def test_nobody_else_is_written_to(wants: bool, email: str) -> None:
    takes_effect(entry_of(wants=wants, email=email))
    assert do_tell_owners(NOON + minutes(1)) == 0
    assert do_tell_owners(NOON + minutes(55)) == 0
    assert letters() == []


def test_an_entry_that_is_over_is_not_told_of() -> None:
    entry = entry_of()
    takes_effect(entry)
    do_end_entry(entry, actor=SYSTEM, reason=EndReason.STAFF, at=NOON + minutes(1))
    assert do_tell_owners(NOON + minutes(1)) == 0


def test_a_term_no_longer_than_the_window_is_told_of_once() -> None:
    ServiceSettings.objects.update(term_minutes=10)
    takes_effect(entry_of())
    assert do_tell_owners(NOON + minutes(1)) == 1
    assert do_tell_owners(NOON + minutes(9)) == 0


def test_two_workers_at_once_write_one_letter() -> None:
    """The second saw the entry as it was before the first wrote."""
    entry = entry_of()
    takes_effect(entry)
    seen = WhitelistEntry.objects.get()
    assert do_tell_owners(NOON + minutes(1)) == 1
    mark = {"effect_told_for": seen.effective_at}
    assert not tell(seen, "took_effect", ServiceSettings.load(), NOON, **mark)
    assert len(letters()) == 1


def test_it_is_in_the_language_that_the_member_read() -> None:
    takes_effect(entry_of(language="zh-hant"))
    do_tell_owners(NOON + minutes(1))
    do_tell_owners(NOON + minutes(55))
    assert all("寄信" in letter.subject for letter in Notice.objects.all())
