"""Around every sync: one at a time, leased while it runs, noted when it ends."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone

from tests.whitelist.factories import make_network, open_entry
from whitelist.audit import Actor
from whitelist.models.audit import ActorKind, AuditRecord
from whitelist.models.host import Host
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.sync_run import HoldReason, SyncOutcome, SyncRun, SyncTrigger
from whitelist.models.zone import Zone, ZoneKind, ZoneSource
from whitelist.registry.following.schedule import (
    LEASE,
    REVIEW_TASK,
    SOON,
    SYNC_TASK,
    do_send_due,
    request_sync,
)
from whitelist.registry.following.sync import (
    MOST_TURNS,
    ZoneBusyError,
    do_requested_sync,
    do_sync_zone,
)
from whitelist.registry.following.zone_lock import zone_lock

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "address,hostname\n"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def file(tmp_path: Path, settings) -> Path:
    settings.VAR_DIR = settings.ZONE_FILES_DIR = tmp_path
    file = tmp_path / "ee.csv"
    file.write_text(f"{HEADER}10.0.0.1,pc1.ee.nthu.edu.tw\n")
    return file


@pytest.fixture
def zone(file: Path) -> Zone:
    return Zone.objects.create(
        name="EE", kind=ZoneKind.LIST, source=ZoneSource.FILE, file=file.name
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tasks: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **_rest: tasks.append(name))
    return tasks


def stored(zone: Zone) -> Zone:
    return Zone.objects.get(pk=zone.pk)


def test_a_zone_is_leased_while_it_is_synced_and_waits_its_turn_afterwards(zone: Zone) -> None:
    at = timezone.now()
    seen = []

    def look(_text: str) -> None:
        seen.append((stored(zone).next_check_at, do_send_due(at + MINUTE)))

    do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE, say=look, at=at)
    assert seen == [(at + LEASE, 0)] * len(seen)
    assert seen
    after = stored(zone).next_check_at
    assert after is not None
    assert at + MINUTE * 0.9 <= after <= at + MINUTE * 1.1


def test_what_is_asked_for_during_a_sync_is_due_after_it(zone: Zone, sent: list[str]) -> None:
    at = timezone.now()

    def ask(_text: str) -> None:
        request_sync(zone, SyncTrigger.NOTIFY)

    do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE, say=ask, at=at)
    assert do_send_due(timezone.now()) == 1
    assert sent == [SYNC_TASK, REVIEW_TASK, SYNC_TASK]


def test_a_worker_that_was_asked_again_meanwhile_syncs_again_at_once(
    zone: Zone, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_and_ask(name: str, **_options: object) -> None:
        """On commit of what was applied, the last moment before the next turn."""
        if name == REVIEW_TASK and not changed:
            changed.append(True)
            file.write_text(f"{HEADER}10.0.0.1,new1.ee.nthu.edu.tw\n")
            request_sync(zone, SyncTrigger.NOTIFY)

    changed: list[bool] = []
    monkeypatch.setattr(current_app, "send_task", change_and_ask)
    do_requested_sync(zone.pk, SyncTrigger.NOTIFY)
    assert Host.objects.get().name == "new1.ee.nthu.edu.tw"
    assert SyncRun.objects.count() == 2
    assert not Zone.objects.due(timezone.now()).exists()


def test_nobody_keeps_a_worker_at_one_zone(
    zone: Zone, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_and_ask(name: str, **_options: object) -> None:
        if name == REVIEW_TASK:
            names.append(f"new{len(names)}.ee.nthu.edu.tw")
            file.write_text(f"{HEADER}10.0.0.1,{names[-1]}\n")
            request_sync(zone, SyncTrigger.NOTIFY)

    names: list[str] = []
    monkeypatch.setattr(current_app, "send_task", change_and_ask)
    do_requested_sync(zone.pk, SyncTrigger.NOTIFY)
    assert SyncRun.objects.count() == len(names) == MOST_TURNS
    assert Zone.objects.due(timezone.now()).exists(), "beat goes on with it"


def test_two_syncs_of_a_zone_never_run_at_once(zone: Zone, settings) -> None:
    held, done = Event(), Event()

    def hold() -> None:
        try:
            with zone_lock(zone.pk, settings.VAR_DIR / "locks"):
                held.set()
                done.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        holder = threads.submit(hold)
        assert held.wait(20)
        try:
            with pytest.raises(ZoneBusyError):
                do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE)
            assert do_requested_sync(zone.pk, SyncTrigger.NOTIFY) is None
            assert stored(zone).next_check_at is None, "still due"
            before = timezone.now()
            assert do_requested_sync(zone.pk, SyncTrigger.SCHEDULE) is None
            again = stored(zone).next_check_at
            assert again is not None
            assert before + SOON <= again <= timezone.now() + SOON
        finally:
            done.set()
        holder.result()
    assert not Host.objects.exists()


def test_a_message_about_a_zone_that_is_gone_or_by_hand_does_nothing(zone: Zone) -> None:
    Zone.objects.update(source=ZoneSource.HAND)
    assert do_requested_sync(zone.pk, SyncTrigger.STAFF, "chief") is None
    assert do_requested_sync(zone.pk + 1, SyncTrigger.STAFF, "chief") is None
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [(SyncTrigger.STAFF, ActorKind.STAFF), (SyncTrigger.NOTIFY, ActorKind.SYSTEM)],
)
def test_who_asked_stands_in_the_run_and_in_the_audit(
    zone: Zone, trigger: SyncTrigger, kind: ActorKind
) -> None:
    do_requested_sync(zone.pk, trigger, "chief")
    run, record = SyncRun.objects.get(), AuditRecord.objects.get()
    assert (run.trigger, run.actor) == (trigger, "chief")
    assert (record.actor_kind, record.actor) == (kind, "chief")


def test_an_applied_change_has_entries_reviewed_at_once_and_no_change_does_not(
    zone: Zone, sent: list[str]
) -> None:
    do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE)
    assert sent == [REVIEW_TASK]
    do_sync_zone(zone, trigger=SyncTrigger.STAFF)
    assert sent == [REVIEW_TASK]


def test_a_review_that_the_broker_does_not_take_costs_the_sync_nothing(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError("the broker is away")

    monkeypatch.setattr(current_app, "send_task", fail)
    assert do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE).outcome == SyncOutcome.APPLIED
    assert stored(zone).checked_at is not None


def test_too_many_entries_hit_are_held(zone: Zone, file: Path) -> None:
    lines = [f"10.0.0.{number},pc{number}.ee.nthu.edu.tw\n" for number in range(1, 101)]
    file.write_text(HEADER + "".join(lines))
    do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE)
    make_network("10.0.0.0/8")
    open_entry("10.0.0.1", name="pc1.ee.nthu.edu.tw")
    ServiceSettings.objects.update(entries_hit_allowed=0)
    file.write_text(HEADER + "".join(lines[1:]))
    run = do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE)
    assert (run.outcome, run.hold_reason) == (SyncOutcome.HELD, HoldReason.ENTRIES)
    assert Host.objects.count() == 100


def test_every_outcome_is_one_line_of_the_log(
    zone: Zone, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "whitelist.registry")
    do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE)
    do_sync_zone(zone, trigger=SyncTrigger.STAFF)
    file.write_text(HEADER)
    do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE)
    file.unlink()
    do_sync_zone(zone, trigger=SyncTrigger.SCHEDULE)
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _text in said] == ["INFO", "INFO", "WARNING", "WARNING"]
    for (_level, text), begin in zip(
        said, ["applied from its file", "unchanged", "held", "failed (bad_file)"], strict=True
    ):
        assert text.startswith(f"EE: {begin}")
        assert "\n" not in text


def test_an_actor_of_the_command_line_is_kept(zone: Zone) -> None:
    actor = Actor(ActorKind.SYSTEM, "root")
    run = do_sync_zone(zone, trigger=SyncTrigger.COMMAND, actor=actor)
    assert SyncRun.objects.get(pk=run.pk).actor == "root"
