"""An entry may end by what was sent under it."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('whitelist', '0006_notices'),
    ]

    operations = [
        migrations.AddField(
            model_name='servicesettings',
            name='bounce_judged_from',
            field=models.PositiveIntegerField(default=100, help_text='With fewer recipients a few wrong addresses would weigh too much.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='bounces are judged from (recipients)'),
        ),
        migrations.AddField(
            model_name='servicesettings',
            name='end_above_recipients',
            field=models.PositiveIntegerField(default=0, help_text='By itself, as far as the relays report what was sent; 0 is no limit.', verbose_name='an entry ends above (recipients)'),
        ),
        migrations.AddField(
            model_name='servicesettings',
            name='end_at_bounced_percent',
            field=models.PositiveIntegerField(default=0, help_text='Of the recipients; 0 ends none.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='an entry ends at bounced (percent)'),
        ),
        migrations.AlterField(
            model_name='whitelistentry',
            name='end_reason',
            field=models.CharField(blank=True, choices=[('expired', 'Ended on time'), ('owner', 'Removed by its owner'), ('staff', 'Ended by staff'), ('suspended', 'Suspended'), ('registration_lost', 'Registration lost'), ('eligibility_lost', 'Eligibility lost'), ('too_much', 'Limit of the exemption reached'), ('bounced', 'Too much was bounced')], max_length=20, verbose_name='end reason'),
        ),
    ]
