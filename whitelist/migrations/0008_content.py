"""Menu, alternatives and announcements become rows that staff edit.

The menu holds what the old service portal had. What leads nowhere yet is not shown: staff enter
its address and tick it. The two addresses that stood in the service's settings move here.
"""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# names in Chinese and English, picture
GROUPS = [
    ("電子郵件服務", "Email services", "mail"),
    ("IP 與網域名稱", "IP and domain names", "globe"),
    ("無線網路", "Wireless network", "wifi"),
    ("連線與安全", "Access and security", "key"),
    ("我的", "Yours", "person"),
]
# group, page of ours where it leads to one, names, descriptions
SERVICES = [
    (
        "Email services", "whitelist", "寄信 IP 白名單服務", "SMTP IP whitelist",
        "讓這台電腦在 {term}內寄信不限數量",
        "Lift the sending limit for this computer for {term}",
    ),
    (
        "Email services", "", "電子報服務", "Newsletter service",
        "經常大量寄信：學習科技組",
        "For regular bulk mail – Learning Technology Division",
    ),
    (
        "Email services", "", "清大訊息發佈系統", "NTHU Message Announcement System",
        "寄給本校教職員工生：校務資訊組",
        "For mail to NTHU staff and students – Campus Information Division",
    ),
    (
        "Email services", "", "電子郵件帳號查詢", "Mail account lookup",
        "查詢信箱用量與轉寄設定",
        "Check mailbox usage and forwarding",
    ),
    (
        "IP and domain names", "", "IP 註冊查詢", "IP registration lookup",
        "查詢 IP 的網域名稱與負責網管",
        "Find the domain name and network admin of an IP",
    ),
    (
        "IP and domain names", "", "網域名稱申請", "Domain name request",
        "由各單位網管人員辦理",
        "Handled by your unit’s network admin",
    ),
    (
        "Wireless network", "", "訪客帳號", "Guest accounts",
        "為來訪者申請短期無線網路帳號",
        "Short-term wireless accounts for visitors",
    ),
    (
        "Access and security", "", "封鎖狀態查詢", "Block status",
        "查詢 IP 是否因資安事件被封鎖",
        "See whether an IP is blocked after a security incident",
    ),
    (
        "Yours", "whitelist-history", "我的紀錄", "My history",
        "登記過的 IP 與時間",
        "What you whitelisted, and when",
    ),
    (
        "Yours", "whitelist-help", "說明與聯絡", "Help and contact",
        "誰可以用、怎麼用、找誰問",
        "Who can use it, how, and whom to ask",
    ),
]  # fmt: skip
# The alternatives for bulk mail, by their English names, and which setting held the address.
ADDRESSES = {
    "Newsletter service": "newsletter_url",
    "NTHU Message Announcement System": "announcement_url",
}


def create_rows(apps, schema_editor):
    groups = {}
    for number, (name_zh, name_en, icon) in enumerate(GROUPS, start=1):
        groups[name_en] = apps.get_model("whitelist", "MenuGroup").objects.create(
            name_zh=name_zh, name_en=name_en, icon=icon, position=10 * number
        )
    for number, (group, page, *texts) in enumerate(SERVICES, start=1):
        row = {**in_fields(texts), "position": 10 * number}
        apps.get_model("whitelist", "MenuService").objects.create(
            group=groups[group], page=page, is_shown=bool(page), **row
        )
        if row["name_en"] in ADDRESSES:
            apps.get_model("whitelist", "Alternative").objects.create(**row)


def in_fields(texts):
    return dict(zip(("name_zh", "name_en", "text_zh", "text_en"), texts))


def take_over_addresses(apps, schema_editor):
    settings = apps.get_model("whitelist", "ServiceSettings").objects.get()
    services = apps.get_model("whitelist", "MenuService").objects
    alternatives = apps.get_model("whitelist", "Alternative").objects
    for name, setting in ADDRESSES.items():
        url = getattr(settings, setting)
        alternatives.filter(name_en=name).update(url=url)
        services.filter(name_en=name).update(url=url, is_shown=bool(url))


def give_addresses_back(apps, schema_editor):
    """As far as the alternatives still bear these names."""
    settings = apps.get_model("whitelist", "ServiceSettings").objects
    alternatives = apps.get_model("whitelist", "Alternative").objects
    for name, setting in ADDRESSES.items():
        alternative = alternatives.filter(name_en=name).first()
        if alternative is not None:
            settings.update(**{setting: alternative.url})


class Migration(migrations.Migration):

    dependencies = [
        ('whitelist', '0007_what_was_sent'),
    ]

    operations = [
        migrations.CreateModel(
            name='Alternative',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=100, help_text='The smallest number stands first.', verbose_name='position')),
                ('is_shown', models.BooleanField(default=True, verbose_name='shown')),
                ('name_zh', models.CharField(max_length=80, verbose_name='name (Chinese)')),
                ('name_en', models.CharField(max_length=80, verbose_name='name (English)')),
                ('text_zh', models.CharField(help_text='What it is good for, and who runs it.', max_length=300, verbose_name='description (Chinese)')),
                ('text_en', models.CharField(max_length=300, verbose_name='description (English)')),
                ('url', models.URLField(blank=True, validators=[django.core.validators.URLValidator(schemes=['http', 'https'])], verbose_name='URL')),
            ],
            options={
                'verbose_name': 'alternative for bulk mail',
                'verbose_name_plural': 'alternatives for bulk mail',
                'ordering': ['position', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='MenuGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=100, help_text='The smallest number stands first.', verbose_name='position')),
                ('is_shown', models.BooleanField(default=True, verbose_name='shown')),
                ('name_zh', models.CharField(max_length=60, verbose_name='name (Chinese)')),
                ('name_en', models.CharField(max_length=60, verbose_name='name (English)')),
                ('icon', models.CharField(choices=[('mail', 'Letter'), ('globe', 'Globe'), ('wifi', 'Radio waves'), ('key', 'Key'), ('person', 'Person'), ('tag', 'Label'), ('info', 'Letter i')], default='info', max_length=20, verbose_name='picture')),
            ],
            options={
                'verbose_name': 'menu group',
                'verbose_name_plural': 'menu groups',
                'ordering': ['position', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Announcement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text_zh', models.TextField(help_text='Plain text; an empty line begins a paragraph.', max_length=1000, verbose_name='text (Chinese)')),
                ('text_en', models.TextField(max_length=1000, verbose_name='text (English)')),
                ('level', models.CharField(choices=[('info', 'Information'), ('warning', 'Warning')], default='info', max_length=10, verbose_name='level')),
                ('pages', models.CharField(choices=[('all', 'The menu and the whitelist’s pages'), ('home', 'The menu of the online services'), ('whitelist', 'The pages of the SMTP IP whitelist')], default='all', max_length=10, verbose_name='pages')),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='from')),
                ('until', models.DateTimeField(blank=True, help_text='Empty: until somebody takes it down', null=True, verbose_name='until')),
            ],
            options={
                'verbose_name': 'announcement',
                'verbose_name_plural': 'announcements',
                'ordering': ['-level', '-since', '-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('until__isnull', True), ('until__gt', models.F('since')), _connector='OR'), name='announcement_ends_after_it_begins', violation_error_message='It has to end after it begins.')],
            },
        ),
        migrations.CreateModel(
            name='MenuService',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=100, help_text='The smallest number stands first.', verbose_name='position')),
                ('is_shown', models.BooleanField(default=True, verbose_name='shown')),
                ('name_zh', models.CharField(max_length=80, verbose_name='name (Chinese)')),
                ('name_en', models.CharField(max_length=80, verbose_name='name (English)')),
                ('text_zh', models.CharField(help_text='One line. {term} becomes the term as it is set, such as 60 minutes.', max_length=200, verbose_name='description (Chinese)')),
                ('text_en', models.CharField(max_length=200, verbose_name='description (English)')),
                ('page', models.CharField(blank=True, choices=[('whitelist', 'SMTP IP whitelist: status and application'), ('whitelist-history', 'SMTP IP whitelist: own history'), ('whitelist-help', 'SMTP IP whitelist: help')], help_text='Either this or an address of another site.', max_length=30, verbose_name='page of ours')),
                ('url', models.URLField(blank=True, validators=[django.core.validators.URLValidator(schemes=['http', 'https'])], verbose_name='address of another site')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='services', to='whitelist.menugroup', verbose_name='menu group')),
            ],
            options={
                'verbose_name': 'menu service',
                'verbose_name_plural': 'menu services',
                'ordering': ['group', 'position', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('page', ''), ('url', ''), _connector='OR'), name='menu_service_leads_to_one_place', violation_error_message='It can lead to one place only.'), models.CheckConstraint(condition=models.Q(('is_shown', False), models.Q(('page', ''), _negated=True), models.Q(('url', ''), _negated=True), _connector='OR'), name='menu_service_shown_leads_somewhere', violation_error_message='To be shown it has to lead somewhere.')],
            },
        ),
        migrations.RunPython(create_rows, migrations.RunPython.noop),
        migrations.RunPython(take_over_addresses, give_addresses_back),
        migrations.RemoveField(
            model_name='servicesettings',
            name='announcement_url',
        ),
        migrations.RemoveField(
            model_name='servicesettings',
            name='newsletter_url',
        ),
    ]
