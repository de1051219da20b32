"""Request ids and a chain of digests for the audit, and guards that make it append-only.

A later migration that changes these rows, or makes SQLite build one of these tables anew, must
drop the guards and set them up again; `manage.py verify_audit` says where one is missing.
"""

import importlib

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

import whitelist.models.audit

# task, interval in seconds, seconds after which an unexecuted message is worthless
SCHEDULES = [
    ("whitelist.seal_audit", 10, 20, "Seals new audit records into the chain of digests"),
]
SALT = {
    "postgresql": "replace(gen_random_uuid()::text, '-', '')",
    "sqlite": "lower(hex(randomblob(16)))",
}
REFUSAL = "the audit is append-only"
# Only identities may be replaced, and that has to show: another salt, and a later time.
REWRITES = """
    NEW.rewritten_at IS NOT NULL
    AND (OLD.rewritten_at IS NULL OR NEW.rewritten_at > OLD.rewritten_at)
    AND NEW.salt <> OLD.salt AND NEW.id = OLD.id AND NEW.at = OLD.at
    AND NEW.action = OLD.action AND NEW.actor_kind = OLD.actor_kind
    AND NEW.request_id = OLD.request_id
    AND {same_entry}
"""
SAME_ENTRY = {
    "postgresql": "NEW.entry_id IS NOT DISTINCT FROM OLD.entry_id",
    "sqlite": "NEW.entry_id IS OLD.entry_id",
}
RECORD, SEAL = "whitelist_auditrecord", "whitelist_auditseal"
# trigger, table, statement
UPDATES = {
    "postgresql": [
        ("audit_record_no_update", RECORD, "UPDATE"),
        ("audit_record_no_delete", RECORD, "DELETE"),
        ("audit_seal_no_change", SEAL, "UPDATE OR DELETE"),
    ],
    "sqlite": [("audit_record_no_update", RECORD, "UPDATE"), ("audit_seal_no_update", SEAL, "UPDATE")],
}
# The statements by which Django empties the tables of a database between tests.
REMOVALS = {
    "postgresql": [
        ("audit_record_no_truncate", RECORD, "TRUNCATE"),
        ("audit_seal_no_truncate", SEAL, "TRUNCATE"),
    ],
    "sqlite": [("audit_record_no_delete", RECORD, "DELETE"), ("audit_seal_no_delete", SEAL, "DELETE")],
}
FUNCTION = f"""
    CREATE OR REPLACE FUNCTION whitelist_refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{REFUSAL}: % of % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END
    $$
"""


def guard(vendor, name, table, statement):
    """The SQL that sets up one trigger."""
    condition = ""
    if name == "audit_record_no_update":
        condition = f"WHEN (NOT ({REWRITES.format(same_entry=SAME_ENTRY[vendor])}))"
    if vendor == "sqlite":
        action = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}: {statement} of {table} is refused'); END"
        return f"CREATE TRIGGER {name} BEFORE {statement} ON {table} {condition} {action}"
    each = "STATEMENT" if statement == "TRUNCATE" else "ROW"
    action = "EXECUTE FUNCTION whitelist_refuse_audit_change()"
    return f"CREATE TRIGGER {name} BEFORE {statement} ON {table} FOR EACH {each} {condition} {action}"


def is_of_tests(connection):
    """Whether Django made this database for a test run, which empties its tables.

    `verify_audit` complains of the guards that it lacks, whoever gave a database such a name.
    """
    name, of_tests = connection.settings_dict["NAME"], connection.settings_dict["TEST"].get("NAME")
    return str(name).startswith("test_") or (of_tests is not None and name == of_tests)


def salt_what_is_there(apps, schema_editor):
    salt = SALT[schema_editor.connection.vendor]
    schema_editor.execute(f"UPDATE {RECORD} SET salt = {salt} WHERE salt = ''")


def set_guards(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION, params=None)  # its % are its own
    removals = [] if is_of_tests(connection) else REMOVALS[connection.vendor]
    for name, table, statement in [*UPDATES[connection.vendor], *removals]:
        schema_editor.execute(guard(connection.vendor, name, table, statement))


def drop_guards(apps, schema_editor):
    connection = schema_editor.connection
    for name, table, _statement in [*UPDATES[connection.vendor], *REMOVALS[connection.vendor]]:
        on = f"ON {table}" if connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} {on}")
    if connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS whitelist_refuse_audit_change()")


def create_schedules(apps, schema_editor):
    first_rows = importlib.import_module("whitelist.migrations.0002_first_rows")
    first_rows.create_schedules(apps, schema_editor, SCHEDULES)


class Migration(migrations.Migration):

    dependencies = [("whitelist", "0010_letters_to_owners")]

    operations = [
        migrations.AddField(
            model_name="auditrecord",
            name="request_id",
            field=models.CharField(
                blank=True, default="", max_length=64, verbose_name="request ID"
            ),
        ),
        migrations.AddField(
            model_name="auditrecord",
            name="salt",
            field=models.CharField(default="", editable=False, max_length=32),
        ),
        migrations.AddField(
            model_name="auditrecord",
            name="rewritten_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="auditrecord",
            index=models.Index(fields=["action", "-at"], name="audit_by_action"),
        ),
        migrations.AddIndex(
            model_name="auditrecord",
            index=models.Index(
                fields=["request_id"], name="audit_by_request", condition=~Q(request_id="")
            ),
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("content", models.CharField(max_length=64)),
                ("digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "record",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="seals",
                        to="whitelist.auditrecord",
                    ),
                ),
            ],
            options={
                "ordering": ["sequence"],
                "default_permissions": (),
                "indexes": [models.Index(fields=["record", "sequence"], name="seal_by_record")],
            },
        ),
        migrations.RunPython(salt_what_is_there, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="auditrecord",
            name="salt",
            field=models.CharField(
                default=whitelist.models.audit.new_salt, editable=False, max_length=32
            ),
        ),
        migrations.RunPython(set_guards, drop_guards),
        migrations.RunPython(create_schedules, migrations.RunPython.noop),
    ]
