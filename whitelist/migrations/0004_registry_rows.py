"""Rows that following name servers needs: schedules, the role of unit network admins, counts."""

import importlib

from django.db import migrations
from django.db.models import Count, F

# task, interval in seconds, seconds after which an unexecuted message is worthless
SCHEDULES = [
    ("whitelist.sync_due_zones", 10, 20, "Asks name servers about zones whose refresh time came"),
    ("whitelist.review_registrations", 60, 60, "Active entries whose address lost its name"),
]
GROUP = "Unit network admins"
PERMISSIONS = [
    "view_network",
    "view_host",
    "add_host",
    "change_host",
    "delete_host",
    "view_registrationoverride",
    "add_registrationoverride",
    "change_registrationoverride",
]


def create_schedules(apps, schema_editor):
    first_rows = importlib.import_module("whitelist.migrations.0002_first_rows")
    first_rows.create_schedules(apps, schema_editor, SCHEDULES)


def create_group(apps, schema_editor):
    """Permissions are made after all migrations, which is too late for this one: make them now."""
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    content_types = apps.get_model("contenttypes", "ContentType")
    permissions = apps.get_model("auth", "Permission")
    for codename in PERMISSIONS:
        action, model = codename.split("_")
        content_type, _ = content_types.objects.get_or_create(app_label="whitelist", model=model)
        verbose_name = apps.get_model("whitelist", model)._meta.verbose_name_raw
        permission, _ = permissions.objects.get_or_create(
            content_type=content_type,
            codename=codename,
            defaults={"name": f"Can {action} {verbose_name}"},
        )
        group.permissions.add(permission)


def count_hosts(apps, schema_editor):
    zones = apps.get_model("whitelist", "Zone").objects
    for zone in zones.annotate(number=Count("hosts")):
        zones.filter(pk=zone.pk).update(
            hosts_count=zone.number, first_loaded_at=F("loaded_at"), full_at=F("loaded_at")
        )


class Migration(migrations.Migration):
    dependencies = [
        ("whitelist", "0003_registry_in_step"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.RunPython(create_schedules, migrations.RunPython.noop),
        migrations.RunPython(create_group, migrations.RunPython.noop),
        migrations.RunPython(count_hosts, migrations.RunPython.noop),
    ]
