"""E-mail notices, whom alarms go to, and the schedules that deliver them and watch relays."""

import importlib

import django.db.models.deletion
import whitelist.models.service_settings
from django.db import migrations, models


# task, interval in seconds, seconds after which an unexecuted message is worthless
SCHEDULES = [
    ("whitelist.send_notices", 30, 60, "Delivers e-mail notices that are due"),
    ("whitelist.watch_relays", 15, 30, "Tells staff of relays that are silent, and heard again"),
]


def create_schedules(apps, schema_editor):
    first_rows = importlib.import_module("whitelist.migrations.0002_first_rows")
    first_rows.create_schedules(apps, schema_editor, SCHEDULES)


class Migration(migrations.Migration):

    dependencies = [
        ('whitelist', '0005_relays'),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.AddField(
            model_name='relay',
            name='silence_told_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='servicesettings',
            name='alarm_emails',
            field=models.TextField(blank=True, help_text='One a line. Empty: no alarm is sent by e-mail.', validators=[whitelist.models.service_settings.check_email_lines], verbose_name='alarms go to (e-mail addresses)'),
        ),
        migrations.AddField(
            model_name='whitelistentry',
            name='requester_email',
            field=models.EmailField(blank=True, max_length=254, verbose_name='e-mail address'),
        ),
        migrations.AddField(
            model_name='whitelistentry',
            name='requester_language',
            field=models.CharField(blank=True, max_length=10, verbose_name='language'),
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40, verbose_name='kind')),
                ('key', models.CharField(blank=True, max_length=200)),
                ('recipient', models.EmailField(max_length=254, verbose_name='recipient')),
                ('subject', models.CharField(max_length=200, verbose_name='subject')),
                ('body', models.TextField(verbose_name='text')),
                ('written_at', models.DateTimeField(verbose_name='written')),
                ('next_try_at', models.DateTimeField(verbose_name='next attempt')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='last error')),
                ('sent_at', models.DateTimeField(null=True, verbose_name='delivered')),
                ('given_up_at', models.DateTimeField(null=True, verbose_name='given up')),
                ('entry', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='notices', to='whitelist.whitelistentry', verbose_name='entry')),
            ],
            options={
                'verbose_name': 'e-mail notice',
                'verbose_name_plural': 'e-mail notices',
                'ordering': ['-written_at', '-pk'],
                'indexes': [models.Index(condition=models.Q(('given_up_at__isnull', True), ('sent_at__isnull', True)), fields=['next_try_at'], name='notice_waiting'), models.Index(fields=['key', '-written_at'], name='notice_by_key'), models.Index(fields=['written_at'], name='notice_by_age')],
                'constraints': [models.CheckConstraint(condition=models.Q(('sent_at__isnull', True), ('given_up_at__isnull', True), _connector='OR'), name='notice_is_sent_or_given_up')],
            },
        ),
        migrations.RunPython(create_schedules, migrations.RunPython.noop),
    ]
