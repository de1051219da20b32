"""Staff users, rows to look at, and short ways to ask the back office."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client, override_settings
from django_celery_beat.models import CrontabSchedule
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal_auth.models import RedeemedTicket
from tests.whitelist.admin.zones import make_zone_rows
from tests.whitelist.factories import (
    UNIT,
    make_block,
    make_host,
    make_identity,
    make_zone,
    register,
)
from whitelist.addresses import parse_address
from whitelist.admin_display import admin_url
from whitelist.entries import do_end_due_entries, do_open_entry
from whitelist.models import (
    Announcement,
    Host,
    RegistrationOverride,
    UnitMembership,
    WhitelistEntry,
)
from whitelist.notices.telling import write

PASSWORD = "correct horse battery staple"
REASON = "asked by the unit's network admin"
LANGUAGES = ("zh-hant", "en")


def make_staff(name: str, *actions: str) -> User:
    """A staff user with these stock permissions (`view`, `change`…) on every model."""
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    for action in actions:
        user.user_permissions.add(*Permission.objects.filter(codename__startswith=f"{action}_"))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    # `force_login` makes up a request without an address, which axes would want to log.
    with override_settings(AXES_ENABLED=False):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_entry(number: int, at: datetime) -> WhitelistEntry:
    address, name = f"140.114.64.{number}", f"lab{number}.ee.nthu.edu.tw"
    register(address, name)
    applicant = make_identity(f"s1120625{number:02}", name="王小明")
    return do_open_entry(applicant=applicant, address=parse_address(address), at=at)


def make_rows(now: datetime) -> None:
    """Active, applying and ended entries; and something of everything else."""
    old = [make_entry(number, now - timedelta(hours=2)) for number in range(1, 4)]
    do_end_due_entries(now)
    fresh = [make_entry(number, now) for number in range(11, 15)]
    WhitelistEntry.objects.filter(pk=fresh[0].pk).update(effective_at=now)
    make_block("140.114.200.0/28", at=now)
    make_block("s112000111", "person", until=now + timedelta(days=3), at=now)
    make_host("140.114.64.154", "lab154.ee.nthu.edu.tw", zone=make_zone("nthu.edu.tw", "forward"))
    make_zone_rows(now)
    user = User.objects.create_user("member-of-staff", is_staff=True)
    Group.objects.create(name="Network group")
    UnitMembership.objects.create(user=user, unit=UNIT)
    RegistrationOverride.objects.create(
        address="140.114.64.1", decision="refuse", reason=REASON, until=now + timedelta(days=9)
    )
    Announcement.objects.create(text_zh="本週六停機維護。", text_en="Down on Saturday.", since=now)
    TOTPDevice.objects.create(user=user, name="app")
    StaticDevice.objects.create(user=user, name="backup")
    AccessAttempt.objects.create(username="chief", ip_address="127.0.0.7", failures_since_start=5)
    AccessLog.objects.create(username="chief", ip_address="127.0.0.7")
    CrontabSchedule.objects.create(minute="5", hour="4")
    write("test", ["net@example.edu.tw"], "About an entry", "Text\n", at=now, entry=old[0])
    RedeemedTicket.objects.create(
        issuer=old[0].requester_issuer,
        jti="a" * 22,
        subject="s112062501",
        client_address="140.114.64.1",
        redeemed_at=now,
        expires_at=now + timedelta(minutes=2),
    )


def dns_host() -> Host:
    return Host.objects.exclude(zone__kind="list").get()


def page(client: Client, model: type[Model], name: str, *args: Any, **query: str) -> Any:
    return client.get(admin_url(model, name, *args), query, follow=True)


def act(client: Client, model: type[Model], action: str, *pks: Any, **data: str) -> Any:
    """Run an action of the list on these rows."""
    fields = {"action": action, "_selected_action": list(pks), **data}
    return client.post(admin_url(model, "changelist"), fields, follow=True)


def text_of(response: Any) -> str:
    text: str = response.content.decode()
    return text


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]
