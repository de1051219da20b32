"""The rows that the service cannot start without, and its periodic tasks.

Schedules are rows, created once here, so that a restart never undoes what staff edited.
"""

from django.db import migrations

# task, interval in seconds, seconds after which an unexecuted message is worthless
SCHEDULES = [
    ("whitelist.publish_if_owed", 2, 10, "Backstop: publishes what no task has published"),
    ("whitelist.publish_access_map", 60, 60, "Full pass over the relay's map"),
    ("whitelist.end_due_entries", 5, 20, "Closes entries that have lapsed"),
    ("whitelist.clean_up", 3600, 3600, "Drops used tickets, stale captchas and dead sessions"),
]


def create_rows(apps, schema_editor):
    apps.get_model("whitelist", "AccessMap").objects.get_or_create(pk=1)
    apps.get_model("whitelist", "ServiceSettings").objects.get_or_create(pk=1)
    apps.get_model("whitelist", "Relay").objects.get_or_create(name="local")


def create_schedules(apps, schema_editor, schedules=SCHEDULES):
    interval_schedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    periodic_task = apps.get_model("django_celery_beat", "PeriodicTask")
    for task, seconds, expire_seconds, description in schedules:
        interval, _ = interval_schedule.objects.get_or_create(every=seconds, period="seconds")
        periodic_task.objects.get_or_create(
            name=task,
            defaults={
                "task": task,
                "interval": interval,
                "expire_seconds": expire_seconds,
                "description": description,
            },
        )


class Migration(migrations.Migration):
    dependencies = [
        ("whitelist", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [
        migrations.RunPython(create_rows, migrations.RunPython.noop),
        migrations.RunPython(create_schedules, migrations.RunPython.noop),
    ]
