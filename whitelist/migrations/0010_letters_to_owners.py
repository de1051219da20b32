"""Letters that a member asks for with an entry, and the schedule that writes them."""

import importlib

from django.db import migrations, models


# task, interval in seconds, seconds after which an unexecuted message is worthless
SCHEDULES = [
    ("whitelist.tell_owners", 15, 30, "Writes the e-mail that members asked for with an entry"),
]


def create_schedules(apps, schema_editor):
    first_rows = importlib.import_module("whitelist.migrations.0002_first_rows")
    first_rows.create_schedules(apps, schema_editor, SCHEDULES)


class Migration(migrations.Migration):

    dependencies = [("whitelist", "0009_confirmation_links")]

    operations = [
        migrations.AddField(
            model_name="whitelistentry",
            name="wants_letters",
            field=models.BooleanField(default=False, verbose_name="wants e-mail"),
        ),
        migrations.AddField(
            model_name="whitelistentry",
            name="effect_told_for",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="whitelistentry",
            name="end_told_for",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RunPython(create_schedules, migrations.RunPython.noop),
    ]
