"""Confirmation links by e-mail, and letters that are of use for a while only."""

import whitelist.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('whitelist', '0008_content'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConfirmationLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('issuer', models.CharField(max_length=200, verbose_name='portal')),
                ('subject', models.CharField(max_length=64, verbose_name='account')),
                ('address', whitelist.models.fields.AddressField(verbose_name='IP address')),
                ('wants_letters', models.BooleanField(default=False, verbose_name='wants e-mail')),
                ('requested_at', models.DateTimeField(verbose_name='requested')),
                ('expires_at', models.DateTimeField(verbose_name='valid until')),
            ],
            options={
                'verbose_name': 'confirmation link',
                'verbose_name_plural': 'confirmation links',
                'ordering': ['-requested_at', '-pk'],
            },
        ),
        migrations.AddField(
            model_name='notice',
            name='useful_until',
            field=models.DateTimeField(null=True, verbose_name='useful until'),
        ),
        migrations.AlterField(
            model_name='auditrecord',
            name='action',
            field=models.CharField(choices=[('entry_opened', 'Entry opened'), ('entry_extended', 'Entry extended'), ('entry_ended', 'Entry ended'), ('entry_refused', 'Request refused'), ('settings_changed', 'Settings changed'), ('block_created', 'Block created'), ('block_lifted', 'Block lifted'), ('registry_changed', 'Registry changed'), ('transfer_held', 'Transfer held'), ('transfer_released', 'Held transfer released'), ('transfer_dropped', 'Held transfer dropped'), ('registration_lost', 'Registration lost'), ('registration_back', 'Registration back'), ('override_set', 'Override set'), ('override_lifted', 'Override lifted'), ('link_sent', 'Confirmation link sent'), ('link_used', 'Confirmation link used')], max_length=30, verbose_name='action'),
        ),
    ]
