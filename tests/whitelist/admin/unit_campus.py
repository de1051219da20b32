"""A unit network admin, and a campus of which a part is theirs."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.whitelist.admin.staff import PASSWORD, REASON
from tests.whitelist.factories import make_host, make_network, make_zone
from whitelist.models import RegistrationOverride, UnitMembership
from whitelist.units import GROUP

UNIT, OTHER = "物理學系 Physics", "電機工程學系 Electrical Engineering"
MINE, NESTED, FOREIGN = "140.114.66.7", "140.114.66.200", "140.114.64.154"
FOREIGN_NAME, NESTED_NAME = "secret.ee.nthu.edu.tw", "nested.ee.nthu.edu.tw"
ANYTHING = {
    "post": "yes", "confirmed": "yes", "reason": REASON, "action": "delete_selected",
    "_selected_action": "1", "name": "x.ee.nthu.edu.tw", "unit": UNIT, "user": "1",
}  # fmt: skip


def make_campus() -> None:
    """A network of theirs with one of another unit inside, and the other unit's own."""
    make_network("140.114.66.0/24", unit=UNIT)
    make_network("140.114.66.192/26", unit=OTHER)
    make_network("140.114.64.0/24", unit=OTHER)
    for address, name in (
        (MINE, "lab7.phys.nthu.edu.tw"),
        (NESTED, NESTED_NAME),
        (FOREIGN, FOREIGN_NAME),
    ):
        make_host(address, name, zone=make_zone("staff"))
        RegistrationOverride.objects.create(
            address=address,
            decision="accept",
            name=name,
            reason=REASON,
            until=timezone.now() + timedelta(days=9),
        )


def make_unit_admin() -> User:
    user = User.objects.create_user("lin", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=GROUP))
    UnitMembership.objects.create(user=user, unit=UNIT)
    return user
