"""Held transfers: what a page shows of one, and that only what was looked at is decided."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.whitelist.admin.staff import make_staff, messages_of, page, signed_in, text_of
from tests.whitelist.admin.zones import NAME, SERIAL, follow, hold
from tests.whitelist.factories import make_host, open_entry
from whitelist.admin.held_csv import held_lines
from whitelist.admin_display import admin_url
from whitelist.models import AuditRecord, HeldTransfer, Host, WhitelistEntry, Zone
from whitelist.models.audit import AuditAction
from whitelist.registry.following.schedule import REVIEW_TASK, SYNC_TASK
from whitelist.registry.following.zone_lock import zone_lock

pytestmark = pytest.mark.django_db

KEPT = ("140.114.64.1", f"lab1.{NAME}")
RENAMED = ("140.114.64.2", f"lab2.{NAME}")
LOST = ("140.114.64.3", f"lab3.{NAME}")
NEW = ("140.114.64.2", f"web.{NAME}")


@pytest.fixture(autouse=True)
def english(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were sent."""
    tasks: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **_options: tasks.append(name))
    return tasks


@pytest.fixture
def zone() -> Zone:
    zone = follow(at=timezone.now(), hosts_count=3)
    for address, name in (KEPT, RENAMED, LOST):
        make_host(address, name, zone=zone)
    return zone


@pytest.fixture
def held(zone: Zone) -> HeldTransfer:
    return hold(zone, [KEPT, NEW], timezone.now())


def release(client: Client, held: HeldTransfer, **changes: Any) -> Any:
    fields = {"confirmed": "yes", "serial": held.serial, "digest": held.digest, **changes}
    url = admin_url(HeldTransfer, "release", held.pk)
    return client.post(url, fields, follow=True)


def hosts_of(zone: Zone) -> set[tuple[str, str]]:
    return set(zone.hosts.values_list("address", "name"))


# Looking


def test_the_page_says_why_how_much_and_exactly_which_content(
    chief_client: Client, held: HeldTransfer
) -> None:
    text = text_of(page(chief_client, HeldTransfer, "change", held.pk))
    for words in (
        "Too many addresses would lose their last name",
        held.digest,
        f"{SERIAL + 1} (in force: {SERIAL})",
        "127.0.0.1#53",
        "Taiwan time",
    ):
        assert words in text


def test_the_list_says_how_much_is_at_stake(chief_client: Client, held: HeldTransfer) -> None:
    text = text_of(page(chief_client, HeldTransfer, "changelist"))
    for words in ("+1 −2", "1 / 3", str(SERIAL + 1), "Too many addresses"):
        assert words in text


def test_the_page_lists_what_would_go_and_what_would_come(
    chief_client: Client, held: HeldTransfer
) -> None:
    text = text_of(page(chief_client, HeldTransfer, "change", held.pk))
    for kind, (address, name) in (("removed", RENAMED), ("removed", LOST), ("added", NEW)):
        sign = {"removed": "−", "added": "+"}[kind]
        row = f'<tr class="{kind}"><td class="sign">{sign}</td><td class="ip">{address}</td>'
        assert f"{row}<td>{name}</td>" in text
    assert f"<td>{KEPT[1]}</td>" not in text


def test_of_a_long_difference_the_first_two_hundred_of_each_kind_are_shown(
    chief_client: Client, zone: Zone
) -> None:
    Host.objects.bulk_create(
        Host(zone=zone, address=f"140.114.{n // 250}.{n % 250 + 1}", name=f"old{n}.{NAME}")
        for n in range(300)
    )
    new = [(f"140.115.{n // 250}.{n % 250 + 1}", f"new{n}.{NAME}") for n in range(300)]
    held = hold(zone, [KEPT, RENAMED, LOST, *new], timezone.now())
    text = text_of(page(chief_client, HeldTransfer, "change", held.pk))
    assert text.count('<tr class="removed">') == text.count('<tr class="added">') == 200
    assert "The first 400 of 600:" in text


def test_entries_that_would_lose_their_ground_are_named_and_no_others(
    chief_client: Client, zone: Zone
) -> None:
    lost = open_entry(LOST[0], name=LOST[1])
    others = [open_entry(address, name=name) for address, name in (KEPT, RENAMED)]
    make_host("140.114.64.4", f"lab4.{NAME}", zone=zone)
    make_host("140.114.64.4", f"lab5.{NAME}", zone=zone)
    others.append(open_entry("140.114.64.4", name=f"lab4.{NAME}"))
    new = [KEPT, NEW, ("140.114.64.4", f"lab5.{NAME}")]
    held = hold(zone, new, timezone.now(), entries_hit=1)
    text = text_of(page(chief_client, HeldTransfer, "change", held.pk))
    assert admin_url(WhitelistEntry, "change", lost.pk) in text
    for other in others:
        assert admin_url(WhitelistEntry, "change", other.pk) not in text


def test_the_whole_difference_is_a_csv_file(chief_client: Client, held: HeldTransfer) -> None:
    response = chief_client.get(admin_url(HeldTransfer, "csv", held.pk))
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    wanted = f'attachment; filename="held-{NAME}-{SERIAL + 1}.csv"'
    assert response.headers["Content-Disposition"] == wanted
    lines = list(csv.reader(b"".join(response.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]
    assert lines == [
        ["change", "address", "hostname"],
        ["removed", *RENAMED],
        ["added", *NEW],
        ["removed", *LOST],
    ]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_no_value_of_the_file_is_a_formula(sign: str) -> None:
    lines = "".join(held_lines([("+", "140.114.64.1", f'{sign}cmd|" /C calc"!A0')]))
    row = list(csv.reader(lines.splitlines(keepends=True)))[1]
    assert row == ["added", "140.114.64.1", f'\'{sign}cmd|" /C calc"!A0']


def test_plain_values_of_the_file_stay_as_they_are() -> None:
    assert list(held_lines([("-", "2001:db8::1", NAME)]))[1] == f"removed,2001:db8::1,{NAME}\r\n"


@pytest.mark.parametrize(
    ("name", "view", "serial", "wanted"),
    [
        ("0/25.64.114.140.in-addr.arpa", "", 7, "held-0-25.64.114.140.in-addr.arpa-7.csv"),
        (NAME, '內 "in"\r\nX: y', 7, f"held-{NAME}-in-x-y-7.csv"),
    ],
)
def test_the_name_of_the_file_is_safe_in_a_header(
    chief_client: Client, name: str, view: str, serial: int, wanted: str
) -> None:
    held = hold(follow(name, view=view), [], timezone.now(), serial=serial)
    response = chief_client.get(admin_url(HeldTransfer, "csv", held.pk))
    assert response.headers["Content-Disposition"] == f'attachment; filename="{wanted}"'


# Deciding


def test_a_release_is_confirmed_before_anything_happens(
    chief_client: Client, held: HeldTransfer
) -> None:
    url = admin_url(HeldTransfer, "release", held.pk)
    for response in (chief_client.get(url), chief_client.post(url)):
        assert response.status_code == 200
        text = text_of(response)
        assert f'name="digest" value="{held.digest}"' in text
        assert f'name="serial" value="{held.serial}"' in text
        assert "1 of 3 addresses lose their last name" in text
    assert HeldTransfer.objects.get() == held


def test_a_release_applies_the_content_names_who_did_it_and_has_it_followed_up(
    chief_client: Client, chief: User, zone: Zone, held: HeldTransfer, sent: list[str]
) -> None:
    response = release(chief_client, held)
    assert messages_of(response) == ["Released: 2 hosts removed, 1 added."]
    assert response.redirect_chain[-1][0] == admin_url(Zone, "change", zone.pk)
    assert hosts_of(zone) == {KEPT, NEW}
    zone.refresh_from_db()
    assert zone.serial == SERIAL + 1
    assert not HeldTransfer.objects.exists()
    record = AuditRecord.objects.get(action=AuditAction.TRANSFER_RELEASED)
    assert (record.actor_kind, record.actor) == ("staff", chief.username)
    assert record.after is not None
    assert record.after["digest"] == held.digest
    assert sent == [REVIEW_TASK, SYNC_TASK]


def test_content_without_a_serial_can_be_released(chief_client: Client, zone: Zone) -> None:
    held = hold(zone, [KEPT], timezone.now(), serial=None)
    release(chief_client, held, serial="")
    assert hosts_of(zone) == {KEPT}


@pytest.mark.parametrize(
    "changes", [{"digest": "0" * 64}, {"serial": str(SERIAL + 2)}, {"serial": ""}]
)
def test_what_changed_since_it_was_looked_at_is_not_released_but_shown(
    chief_client: Client, zone: Zone, held: HeldTransfer, changes: dict[str, str]
) -> None:
    response = release(chief_client, held, **changes)
    assert "has changed since you looked at it" in messages_of(response)[0]
    assert response.redirect_chain[-1][0] == admin_url(HeldTransfer, "change", held.pk)
    assert hosts_of(zone) == {KEPT, RENAMED, LOST}
    assert HeldTransfer.objects.get() == held


@pytest.mark.parametrize("changes", [{"digest": ""}, {"serial": "x"}, {"digest": "0" * 65}])
def test_a_release_that_names_no_content_is_asked_again(
    chief_client: Client, zone: Zone, held: HeldTransfer, changes: dict[str, str]
) -> None:
    assert release(chief_client, held, **changes).status_code == 200
    assert hosts_of(zone) == {KEPT, RENAMED, LOST}
    assert HeldTransfer.objects.exists()


def test_what_is_not_held_any_more_is_said_to_be_gone(
    chief_client: Client, held: HeldTransfer
) -> None:
    HeldTransfer.objects.all().delete()
    response = release(chief_client, held)
    assert messages_of(response) == ["This transfer is not held any more."]


def test_a_zone_that_is_being_synced_is_left_alone(
    chief_client: Client, zone: Zone, held: HeldTransfer
) -> None:
    with synced_elsewhere(zone):
        response = release(chief_client, held)
    assert "being synced right now" in messages_of(response)[0]
    assert HeldTransfer.objects.get() == held
    release(chief_client, held)
    assert not HeldTransfer.objects.exists()


@contextmanager
def synced_elsewhere(zone: Zone) -> Iterator[None]:
    """The zone's lock is held by another thread, in a database session of its own."""
    taken, done = Event(), Event()

    def sync() -> None:
        with zone_lock(zone.pk, settings.VAR_DIR / "locks"):
            taken.set()
            done.wait(timeout=60)
        connection.close()

    thread = Thread(target=sync)
    thread.start()
    try:
        assert taken.wait(timeout=10)
        yield
    finally:
        done.set()
        thread.join()


def with_permissions(*codenames: str) -> Client:
    user = make_staff("somebody")
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return signed_in(user)


@pytest.mark.parametrize("codename", ["view_zone", "view_heldtransfer", "change_heldtransfer"])
def test_who_may_not_change_zones_may_look_and_not_release(
    zone: Zone, held: HeldTransfer, codename: str
) -> None:
    client = with_permissions(codename, "view_zone")
    shown = text_of(page(client, HeldTransfer, "change", held.pk))
    assert held.digest in shown
    assert admin_url(HeldTransfer, "release", held.pk) not in shown
    assert release(client, held).status_code == 403
    assert HeldTransfer.objects.exists()


def test_who_may_change_zones_may_release(held: HeldTransfer) -> None:
    client = with_permissions("change_zone")
    assert admin_url(HeldTransfer, "release", held.pk) in text_of(
        page(client, HeldTransfer, "change", held.pk)
    )
    release(client, held)
    assert not HeldTransfer.objects.exists()


def test_who_may_not_see_zones_gets_no_file(held: HeldTransfer) -> None:
    client = with_permissions("view_host")
    assert client.get(admin_url(HeldTransfer, "csv", held.pk)).status_code == 403
