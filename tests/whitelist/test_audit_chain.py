"""The audit is append-only, and whatever is done to it behind its back is found."""

from __future__ import annotations

import csv
import importlib
import io
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from tests.whitelist.factories import NOON, open_entry
from whitelist import audit, audit_chain
from whitelist.audit import SYSTEM, Actor
from whitelist.audit_chain import do_rewrite, do_seal, head
from whitelist.audit_export import cell
from whitelist.audit_proof import GUARDS, missing_guards, verify
from whitelist.models import AuditRecord
from whitelist.models.audit import ActorKind, AuditAction, AuditSeal
from whitelist.spreadsheets import safe
from whitelist.tasks import seal_audit

migration = importlib.import_module("whitelist.migrations.0011_audit_chain")

RECORDS = 5
SOMEBODY = Actor(ActorKind.MEMBER, "s112062501")
LATER = NOON + timedelta(hours=1)


def write(number: int = 0, **fields: Any) -> AuditRecord:
    given: dict[str, Any] = {
        "actor": SOMEBODY,
        "address": "140.114.64.154",
        "reason": f"reason {number}",
        "before": {"b": 1, "a": [1.5, None, "中"]},
        "after": {"until": "2026-11-24T05:00:00+00:00"},
    }
    at = NOON + timedelta(seconds=number)
    return audit.record(AuditAction.REFUSED, at=at, **(given | fields))


@pytest.fixture
def chain(db: None) -> list[AuditRecord]:
    """Five sealed records; no guard stands, as if an administrator had dropped them all."""
    records = [write(number) for number in range(RECORDS)]
    do_seal(LATER)
    return records


def without_guards(sql: str, *params: Any) -> None:
    """What whoever owns the tables can do; SQLite does not let go of a foreign key so easily."""
    with connection.cursor() as cursor:
        for name, table, _ in [*migration.UPDATES[connection.vendor]]:
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
        cursor.execute(sql, params)


@pytest.fixture
def guards(db: None) -> None:
    """Those that a database for tests lacks, since tests must be able to empty it."""
    with connection.cursor() as cursor:
        for name, table, statement in migration.REMOVALS[connection.vendor]:
            cursor.execute(migration.guard(connection.vendor, name, table, statement))


def verified(*arguments: str) -> tuple[str, bool]:
    """The output of `verify_audit`, and whether it was content."""
    out = io.StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


# Sealing


def test_a_chain_begins_with_what_was_there_before_it(chain):
    sequences = AuditSeal.objects.values_list("sequence", "record")
    assert list(sequences) == [(n + 1, record.pk) for n, record in enumerate(chain)]
    assert verify().breaks == []


def test_sealing_again_adds_only_what_is_new(chain):
    before = head()
    assert do_seal(LATER) == 0
    assert head() == before
    write()
    assert do_seal(LATER) == 1
    assert head().sequence == RECORDS + 1
    assert verify().breaks == []


def test_the_task_seals_and_the_log_holds_the_last_link(db, caplog):
    write()
    with caplog.at_level("INFO", logger="whitelist.audit_chain"):
        seal_audit()
    assert f"sealed 1 records, up to 1:{head().digest}" in caplog.text


def test_the_migration_schedules_the_task(db):
    migration.create_schedules(apps, None)
    task = apps.get_model("django_celery_beat", "PeriodicTask").objects.get(
        task="whitelist.seal_audit"
    )
    assert task.interval.every == 10


def test_more_records_than_a_batch_are_sealed_in_one_run(db, monkeypatch):
    monkeypatch.setattr(audit_chain, "BATCH", 2)
    for number in range(RECORDS):
        write(number)
    assert do_seal(LATER) == RECORDS
    assert verify().links == RECORDS


def test_a_key_that_commits_late_is_sealed_behind_a_greater_one(chain):
    keys = {name: chain[-1].pk + distance for name, distance in (("late", 10), ("early", 20))}
    for name, pk in keys.items():
        AuditRecord.objects.create(
            pk=pk, at=NOON, action="entry_refused", actor_kind="system", reason=name
        )
    audit_chain.append(AuditRecord.objects.filter(reason="early"), LATER)
    assert do_seal(LATER) == 1
    assert AuditSeal.objects.get(sequence=RECORDS + 2).record_id == keys["late"]
    assert verify().breaks == []


@pytest.mark.django_db(transaction=True)
def test_writers_and_sealers_side_by_side_leave_one_whole_chain():
    faults: list[BaseException] = []

    def at_once(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                for _ in range(6):
                    work()
            except BaseException as error:  # noqa: BLE001  told by the assertion below
                faults.append(error)
            finally:
                connections.close_all()

        return threading.Thread(target=run)

    def several_in_one_transaction() -> None:
        with transaction.atomic():
            write(1)
            write(2)

    works = [several_in_one_transaction, several_in_one_transaction, lambda: do_seal(LATER)]
    threads = [at_once(work) for work in [*works, lambda: do_seal(LATER)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    do_seal(LATER)
    verdict = verify()
    assert faults == []
    assert verdict.breaks == []
    assert verdict.links == AuditRecord.objects.count() == 24


# What is found

SETTERS = {
    "actor": "SET actor = 'somebody else'",
    "address": "SET address = '140.114.64.1'",
    "reason": "SET reason = ''",
    "before": "SET before = NULL",
    "after": """SET after = '{"until": "2027-11-24T05:00:00+00:00"}'""",
    "action": "SET action = 'entry_opened'",
    "actor_kind": "SET actor_kind = 'system'",
    "request_id": "SET request_id = 'another-id'",
    "salt": "SET salt = 'another salt'",
    "time": "SET at = '2026-11-24 04:00:09'",
}


@pytest.mark.parametrize("column", SETTERS)
def test_a_tampered_record_is_found(chain, column):
    victim = chain[2]
    assert verify().breaks == []
    without_guards(f"UPDATE whitelist_auditrecord {SETTERS[column]} WHERE id = %s", victim.pk)
    assert verify().breaks == [f"3: record {victim.pk} is not what was sealed"]


def test_records_that_change_places_are_found(chain):
    first, second = chain[1], chain[2]
    without_guards("UPDATE whitelist_auditseal SET record_id = %s WHERE sequence = 2", second.pk)
    without_guards("UPDATE whitelist_auditseal SET record_id = %s WHERE sequence = 3", first.pk)
    assert [line.partition(":")[0] for line in verify().breaks] == ["2", "3"]


def test_a_deleted_record_is_found(chain):
    victim = chain[2].pk
    without_guards("DELETE FROM whitelist_auditseal WHERE record_id = %s", victim)
    without_guards("DELETE FROM whitelist_auditrecord WHERE id = %s", victim)
    assert verify().breaks == ["4: the links before it are missing (3 to 3)"]


def test_a_link_that_was_renumbered_over_a_deleted_record_is_found(chain):
    test_a_deleted_record_is_found(chain)
    without_guards("UPDATE whitelist_auditseal SET sequence = 3 WHERE sequence = 4")
    without_guards("UPDATE whitelist_auditseal SET sequence = 4 WHERE sequence = 5")
    assert [line.partition(":")[0] for line in verify().breaks] == ["3", "4"]


def test_a_record_put_in_among_old_ones_is_found(db, monkeypatch):
    monkeypatch.setattr(audit_chain, "STRAGGLERS", 10)
    for pk in (100, 200, 300):
        AuditRecord.objects.create(pk=pk, at=NOON, action="entry_refused", actor_kind="system")
        do_seal(LATER)
    AuditRecord.objects.create(pk=150, at=NOON, action="entry_opened", actor_kind="system")
    assert do_seal(LATER) == 0
    assert verify().breaks == ["-: record 150 is outside the chain"]


def test_a_record_that_is_sealed_days_after_its_time_is_told_but_breaks_nothing(chain):
    write()
    do_seal(NOON + timedelta(days=3))
    verdict = verify()
    assert verdict.breaks == []
    assert [line.partition(":")[0] for line in verdict.late] == [str(RECORDS + 1)]


def test_an_end_that_was_cut_off_is_found_by_a_link_that_was_noted(chain):
    noted = str(AuditSeal.objects.get(sequence=RECORDS))
    assert "broken" not in verified("--noted", noted)[0]
    without_guards("DELETE FROM whitelist_auditseal WHERE sequence = %s", RECORDS)
    assert verify().breaks == []
    assert verify({RECORDS: noted.partition(":")[2]}).breaks == [
        "5: the chain ends at 4, before this link that was noted"
    ]


def test_a_chain_that_was_computed_anew_is_found_by_a_link_that_was_noted(chain):
    noted = str(AuditSeal.objects.get(sequence=4))
    without_guards("DELETE FROM whitelist_auditseal")
    without_guards("UPDATE whitelist_auditrecord SET reason = 'none' WHERE id = %s", chain[0].pk)
    do_seal(LATER)
    assert verify().breaks == []
    text, content = verified("--noted", noted)
    assert not content
    assert "broken: 4: its digest is not the one that was noted" in text


# Identities that go


def test_an_identity_can_be_replaced_and_the_chain_stays_whole(chain):
    record = AuditRecord.objects.get(pk=chain[1].pk)
    old_salt, old_link = record.salt, AuditSeal.objects.get(record=record)
    record.actor, record.address, record.before = "p-1f2e", None, {"requester": "p-1f2e"}
    do_rewrite([record], at=LATER)

    record.refresh_from_db()
    verdict = verify()
    assert (record.actor, record.address, record.before) == (
        "p-1f2e",
        None,
        {"requester": "p-1f2e"},
    )
    assert record.salt != old_salt
    assert verdict.breaks == []
    assert (verdict.links, verdict.outdone) == (RECORDS + 1, 1)
    assert AuditSeal.objects.filter(pk=old_link.pk, content=old_link.content).exists()


def test_what_was_written_in_place_of_an_identity_is_sealed_too(chain):
    record = AuditRecord.objects.get(pk=chain[1].pk)
    record.actor = "p-1f2e"
    do_rewrite([record], at=LATER)
    without_guards("UPDATE whitelist_auditrecord SET actor = 'p-0000' WHERE id = %s", record.pk)
    assert verify().breaks == [f"6: record {record.pk} is not what was sealed"]


def test_identities_can_be_replaced_twice_but_not_at_an_earlier_time(chain):
    record = AuditRecord.objects.get(pk=chain[1].pk)
    for hours in (1, 2):
        do_rewrite([record], at=NOON + timedelta(hours=hours))
    with pytest.raises(IntegrityError), transaction.atomic():
        do_rewrite([record], at=LATER)
    assert verify().breaks == []


# Append-only


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE whitelist_auditrecord SET actor = 'x'",
        "UPDATE whitelist_auditrecord SET actor = 'x', salt = 'y'",
        "UPDATE whitelist_auditrecord SET action = 'x', salt = 'y', rewritten_at = at",
        "UPDATE whitelist_auditrecord SET entry_id = NULL, salt = 'y', rewritten_at = at",
        "UPDATE whitelist_auditrecord SET actor = 'x', rewritten_at = at",
        "UPDATE whitelist_auditseal SET content = 'x'",
        "DELETE FROM whitelist_auditrecord",
        "DELETE FROM whitelist_auditseal",
    ],
)
def test_the_database_refuses_what_is_not_an_addition(guards, sql):
    audit.record(AuditAction.OPENED, actor=SYSTEM, at=NOON, entry=open_entry(at=NOON))
    do_seal(LATER)
    with (
        connection.cursor() as cursor,
        pytest.raises(IntegrityError, match="the audit is append-only"),
        transaction.atomic(),
    ):
        cursor.execute(sql)
    assert verify().breaks == []


@pytest.mark.parametrize("table", ["whitelist_auditrecord", "whitelist_auditseal"])
def test_postgresql_refuses_to_empty_the_tables(guards, chain, table):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # of the rows just written
        with pytest.raises(IntegrityError, match="the audit is append-only"), transaction.atomic():
            cursor.execute(f"TRUNCATE {table} CASCADE")
    assert verify().links == RECORDS


def test_records_cannot_be_deleted_by_the_models_either(guards, chain):
    for rows in (AuditSeal.objects.all(), AuditRecord.objects.filter(seals=None)):
        write()
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.delete()


def test_the_guards_of_the_migration_are_those_that_are_looked_for(guards):
    vendor = connection.vendor
    named = {name for name, _, _ in [*migration.UPDATES[vendor], *migration.REMOVALS[vendor]]}
    assert named == set(GUARDS[vendor])
    assert missing_guards() == []


# verify_audit


def test_verify_audit_counts_and_tells_the_last_link(guards, chain):
    write()
    text, content = verified()
    assert content
    assert f"{RECORDS + 1} records, 0 not sealed yet; identities replaced 0 times" in text
    assert f"last link: {head().sequence}:{head().digest}" in text


def test_verify_audit_fails_where_a_guard_is_missing(chain):
    text, content = verified()
    assert not content
    assert "the database has no guard: audit_record_no_" in text


def test_verify_audit_fails_where_the_chain_breaks_and_says_where(guards, chain):
    without_guards("UPDATE whitelist_auditrecord SET reason = '' WHERE id = %s", chain[3].pk)
    text, content = verified()
    assert not content
    assert f"broken: 4: record {chain[3].pk} is not what was sealed" in text


@pytest.mark.parametrize("noted", ["4711", "0:" + "a" * 64, "4:" + "A" * 64, "4:abc"])
def test_verify_audit_refuses_what_is_no_link(db, noted):
    with pytest.raises(CommandError, match="sequence:digest"):
        call_command("verify_audit", "--noted", noted)


# export_audit


def exported(*arguments: str) -> str:
    out = io.StringIO()
    call_command("export_audit", *arguments, stdout=out)
    return out.getvalue()


def test_an_export_as_json_lines_holds_everything_with_its_link(db):
    entry = open_entry(at=NOON)
    do_seal(LATER)
    (line,) = map(json.loads, exported("--format", "jsonl").splitlines())
    assert line["action"] == "entry_opened"
    assert line["entry"] == entry.reference
    assert line["address"] == entry.address
    assert line["time"] == NOON.isoformat()
    assert line["after"] == AuditRecord.objects.get().after
    assert (line["sequence"], line["digest"]) == head()


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝"], ids=ascii)
def test_no_cell_of_a_csv_is_taken_for_a_formula(db, sign):
    write(reason=f"{sign}1+1", actor=Actor(ActorKind.MEMBER, f"{sign}cmd"), before=None)
    (row,) = csv.DictReader(io.StringIO(exported(), newline=""))
    assert row["reason"] == f"'{sign}1+1"
    assert row["actor"] == f"'{sign}cmd"
    assert row["before"] == row["sequence"] == ""


@pytest.mark.parametrize("value", [-1, -1.5])
def test_a_negative_number_is_no_formula_either(value):
    assert safe(cell(value)) == f"'{value}"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["0", "1", "2"]),
        (["--since", "2026-11-25"], ["1", "2"]),
        (["--until", "2026-11-25"], ["0", "1"]),
        (["--since", "2026-11-25", "--until", "2026-11-25"], ["1"]),
        (["--since", "2026-11-24 12:00", "--until", "2026-11-25T12:00"], ["0"]),
        (["--since", "2026-11-24T04:00:01Z"], ["1", "2"]),
    ],
    ids=["all", "since", "until", "one-day", "local-times", "offset"],
)
def test_an_export_holds_what_lies_between(db, arguments, found):
    days = [NOON + timedelta(days=number) for number in range(3)]
    for number, at in enumerate(days):
        audit.record(AuditAction.REFUSED, actor=SYSTEM, at=at, reason=str(number))
    read = csv.DictReader(io.StringIO(exported(*arguments), newline=""))
    assert [row["reason"] for row in read] == found


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "24.11.2026", ""])
def test_an_export_refuses_what_is_no_time(db, text):
    with pytest.raises(CommandError, match="--since is a day"):
        exported("--since", text)
