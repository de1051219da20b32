"""Staff see what was sent under each entry, by relay, and can change none of it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.whitelist.admin.staff import REASON, make_entry, page, text_of
from tests.whitelist.admin.test_settings_and_relays import save, settings_record
from whitelist.models import Relay, SentCount, ServiceSettings, WhitelistEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"


def tell(entry: WhitelistEntry, relay: Relay | None, recipients: int, bounced: int = 0) -> None:
    SentCount.objects.create(
        entry=entry, relay=relay, run="aa", messages=7, recipients=recipients, bounced=bounced,
        updated_at=timezone.now(),
    )  # fmt: skip


def listed(client: Client, **query: str) -> list[tuple[int, int | None, int | None]]:
    rows = page(client, WhitelistEntry, "changelist", **query).context["cl"].result_list
    return [(row.pk, row.sent_recipients, row.sent_bounced) for row in rows]


def test_the_list_shows_the_sums_and_can_be_sorted_by_them(chief_client: Client) -> None:
    few, many, none = (make_entry(number, timezone.now()) for number in (11, 12, 13))
    local, other = Relay.objects.get(), Relay.objects.create(name="mx2")
    tell(few, local, 30, 29)
    tell(many, local, 400)
    tell(many, other, 100, 3)
    rows = {few.pk: (30, 29), many.pk: (500, 3), none.pk: (None, None)}
    assert {pk: tuple(counts) for pk, *counts in listed(chief_client)} == rows
    columns = page(chief_client, WhitelistEntry, "changelist").context["cl"].list_display
    recipients, bounced = columns.index("sent_recipients"), columns.index("sent_bounced")

    def order(by: str) -> list[int]:
        return [pk for pk, *_counts in listed(chief_client, o=by)]

    assert order(f"-{recipients}") == [many.pk, few.pk, none.pk]
    assert order(f"{recipients}") == [none.pk, few.pk, many.pk]
    assert order(f"-{bounced}") == [few.pk, many.pk, none.pk]


def test_the_list_takes_no_query_more_for_them(chief_client: Client) -> None:
    entries = [make_entry(number, timezone.now()) for number in range(11, 15)]

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(chief_client, WhitelistEntry, "changelist")
        return len(captured)

    before = queries()
    for entry in entries:
        tell(entry, Relay.objects.get(), 5)
    assert queries() == before
    with CaptureQueriesContext(connection) as captured:
        page(chief_client, WhitelistEntry, "changelist")
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert counts
    assert not [sql for sql in counts if "sentcount" in sql], "counting rows adds nothing up"


def test_the_page_of_an_entry_shows_it_by_relay(viewer_client: Client) -> None:
    viewer_client.cookies["django_language"] = "en"
    entry = make_entry(11, timezone.now())
    tell(entry, Relay.objects.create(name="mx2"), 4321, 12)
    tell(entry, None, 77)
    text = text_of(page(viewer_client, WhitelistEntry, "change", entry.pk))
    assert all(words in text for words in ("mx2", "4321", "a relay that was removed", "77"))
    assert 'name="sent_counts-0-recipients"' not in text


LIMITS = {"end_above_recipients": 5000, "end_at_bounced_percent": 20, "bounce_judged_from": 50}


def test_the_limits_are_off_at_first_and_set_with_a_reason_in_the_audit(
    chief_client: Client,
) -> None:
    before = {"end_above_recipients": 0, "end_at_bounced_percent": 0, "bounce_judged_from": 100}
    settings = ServiceSettings.load()
    assert {name: getattr(settings, name) for name in before} == before
    assert not settings.ends_by_count
    assert save(chief_client, **LIMITS, reason=REASON).status_code == 302
    record = settings_record()
    assert (record.before, record.after) == (before, LIMITS)
    assert ServiceSettings.load().ends_by_count


@pytest.mark.parametrize(
    ("field", "value"),
    [("end_at_bounced_percent", 101), ("end_above_recipients", -1), ("bounce_judged_from", 0)],
)
def test_limits_out_of_bounds_are_refused(chief_client: Client, field: str, value: int) -> None:
    response = save(chief_client, **{field: value}, reason=REASON)
    assert response.context["adminform"].form.errors.keys() == {field}
