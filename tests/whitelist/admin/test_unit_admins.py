"""Unit network admins: their own unit's networks, hosts and overrides, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests.whitelist.admin.staff import REASON, page, signed_in, text_of
from tests.whitelist.admin.test_registry import a_host, in_days
from tests.whitelist.admin.unit_campus import (
    ANYTHING,
    FOREIGN,
    FOREIGN_NAME,
    MINE,
    NESTED,
    NESTED_NAME,
    OTHER,
    UNIT,
)
from tests.whitelist.factories import make_host, make_network, make_zone
from whitelist.admin_display import admin_url
from whitelist.models import (
    AuditRecord,
    Host,
    LiveAnswer,
    Network,
    RegistrationOverride,
)
from whitelist.models.audit import AuditAction
from whitelist.units import GROUP

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(unit_client: Client) -> Client:
    return unit_client


def own(model: type[Model]) -> Any:
    return model._default_manager.get(address=MINE)


def foreign(model: type[Model]) -> list[Any]:
    return list(model._default_manager.filter(address__in=(NESTED, FOREIGN)))


# What they see


@pytest.mark.parametrize("model", [Host, RegistrationOverride])
def test_lists_hold_what_lies_in_their_networks(client: Client, model: type[Model]) -> None:
    assert list(page(client, model, "changelist").context["cl"].result_list) == [own(model)]
    for term in (FOREIGN, NESTED, "secret", "nested"):
        response = page(client, model, "changelist", q=term)
        assert list(response.context["cl"].result_list) == []


def test_the_list_of_networks_holds_their_own(client: Client) -> None:
    response = page(client, Network, "changelist")
    assert [str(n) for n in response.context["cl"].result_list] == ["140.114.66.0/24"]
    assert OTHER not in text_of(response)
    for term in (FOREIGN, NESTED, "140.114.0.0/16", "Electrical"):
        response = page(client, Network, "changelist", q=term)
        assert "140.114.66.192/26" not in text_of(response)
        assert "140.114.64.0/24" not in text_of(response)


@pytest.mark.parametrize("model", [Host, RegistrationOverride, Network])
@pytest.mark.parametrize("name", ["change", "history", "delete"])
def test_pages_of_others_rows_are_as_if_the_rows_were_not_there(
    client: Client, may_edit: bool, model: type[Model], name: str
) -> None:
    rows = foreign(model) if model is not Network else list(Network.objects.filter(unit=OTHER))
    assert len(rows) == 2
    for row in rows:
        url = admin_url(model, name, row.pk)
        for response in (client.get(url), client.post(url, {**ANYTHING, "address": MINE})):
            assert response.status_code in {302, 403}
            assert response.headers.get("Location", "/admin/") == reverse("admin:index")
        missing = client.get(admin_url(model, name, 987_654), follow=True)
        there = client.get(url, follow=True)
        assert there.status_code == missing.status_code
        assert all(text not in text_of(there) for text in (FOREIGN_NAME, NESTED_NAME, OTHER))
        fields = {f.attname: getattr(row, f.attname) for f in row._meta.fields}
        row.refresh_from_db()
        assert {f.attname: getattr(row, f.attname) for f in row._meta.fields} == fields


def test_their_own_rows_can_be_looked_at(client: Client, may_edit: bool) -> None:
    network = Network.objects.get(unit=UNIT)
    for row in (own(Host), own(RegistrationOverride), network):
        for name in ("change", "history"):
            response = page(client, type(row), name, row.pk)
            assert response.status_code == 200, (row, name)
            assert OTHER not in text_of(response)


def test_lists_of_others_values_are_not_offered_as_filters(client: Client) -> None:
    make_zone("hidden.nthu.edu.tw", "forward")
    for model in (Host, Network, RegistrationOverride):
        response = page(client, model, "changelist")
        assert "hidden.nthu.edu.tw" not in text_of(response)
        assert OTHER not in text_of(response)


@pytest.mark.parametrize(
    "query",
    ["zone__name=staff", "zone__id__exact=1", "unit=x", "created_by__password__startswith=m"],
)
def test_no_lookup_reaches_beyond_their_rows(client: Client, query: str) -> None:
    for model in (Host, Network, RegistrationOverride):
        response = client.get(f"{admin_url(model, 'changelist')}?{query}", follow=True)
        assert FOREIGN_NAME not in text_of(response)
        assert NESTED_NAME not in text_of(response)


def test_the_group_without_a_unit_sees_nothing(campus: None) -> None:
    user = User.objects.create_user("new", is_staff=True)
    user.groups.add(Group.objects.get(name=GROUP))
    client = signed_in(user)
    for model in (Host, Network, RegistrationOverride):
        assert list(page(client, model, "changelist").context["cl"].result_list) == []
    assert client.get(reverse("admin:whitelist_address") + f"?q={MINE}").context.get("page") is None


# What they change


def test_who_only_looks_changes_nothing(client: Client) -> None:
    host, override = own(Host), own(RegistrationOverride)
    data = {**a_host(address=MINE, name="new.phys.nthu.edu.tw"), "decision": "refuse", **ANYTHING}
    for url in (
        admin_url(Host, "add"),
        admin_url(Host, "change", host.pk),
        admin_url(Host, "delete", host.pk),
        admin_url(RegistrationOverride, "add"),
        admin_url(RegistrationOverride, "lift", override.pk),
    ):
        assert client.post(url, data).status_code == 403, url
    host.refresh_from_db()
    override.refresh_from_db()
    assert host.name == "lab7.phys.nthu.edu.tw"
    assert override.lifted_at is None


def test_a_host_of_theirs_gets_their_unit_and_the_list_of_staff(
    client: Client, editing: None
) -> None:
    # What they may not choose is not taken from the form.
    other = make_zone("csv")
    data = a_host(address="140.114.66.8", name="lab8.phys.nthu.edu.tw", unit=OTHER)
    client.post(admin_url(Host, "add"), data, follow=True)
    host = Host.objects.get(address="140.114.66.8")
    assert (host.zone.name, host.unit, host.reason) == ("staff", UNIT, REASON)
    assert host.first_seen_at is not None
    assert AuditRecord.objects.filter(action=AuditAction.REGISTRY_CHANGED, actor="lin").exists()
    refused = client.post(admin_url(Host, "add"), {**data, "zone": other.pk})
    assert refused.context["adminform"].form.errors["zone"]


@pytest.mark.parametrize("address", [FOREIGN, NESTED, "140.114.99.1", "2001:db8::1"])
def test_hosts_and_overrides_of_other_addresses_are_refused_at_the_address(
    client: Client, editing: None, address: str
) -> None:
    before = Host.objects.count(), RegistrationOverride.objects.count()
    fields = {**a_host(address=address, name="x.phys.nthu.edu.tw"), "decision": "accept"}
    for url in (
        admin_url(Host, "add"),
        admin_url(Host, "change", own(Host).pk),
        admin_url(RegistrationOverride, "add"),
    ):
        response = client.post(url, fields)
        assert response.status_code == 200
        assert "not in a network of your unit" in str(
            response.context["adminform"].form.errors["address"]
        )
    assert (Host.objects.count(), RegistrationOverride.objects.count()) == before
    assert own(Host).name == "lab7.phys.nthu.edu.tw"


def test_a_host_of_theirs_is_changed_and_deleted(client: Client, editing: None) -> None:
    host = own(Host)
    client.post(admin_url(Host, "change", host.pk), a_host(address=MINE, name="b.phys.nthu.edu.tw"))
    host.refresh_from_db()
    assert host.name == "b.phys.nthu.edu.tw"
    client.post(admin_url(Host, "delete", host.pk), {"post": "yes"})
    assert not Host.objects.filter(pk=host.pk).exists()


@pytest.mark.parametrize("zone", [("csv", "list"), ("phys.nthu.edu.tw", "forward")])
def test_hosts_of_imported_lists_and_of_zones_are_only_looked_at(
    client: Client, editing: None, zone: tuple[str, str]
) -> None:
    host = make_host("140.114.66.9", "lab9.phys.nthu.edu.tw", zone=make_zone(*zone))
    assert page(client, Host, "change", host.pk).status_code == 200
    for name in ("change", "delete"):
        data = {**a_host(address=MINE), "post": "yes"}
        assert client.post(admin_url(Host, name, host.pk), data).status_code == 403
    assert Host.objects.filter(pk=host.pk, name="lab9.phys.nthu.edu.tw").exists()


def test_an_override_of_theirs_is_set_and_lifted(client: Client, editing: None) -> None:
    fields = {
        "address": "140.114.66.8", "decision": "accept", "name": "lab8.phys.nthu.edu.tw",
        "reason": REASON, "until": in_days(30),
    }  # fmt: skip
    client.post(admin_url(RegistrationOverride, "add"), fields)
    override = RegistrationOverride.objects.get(address="140.114.66.8")
    url = admin_url(RegistrationOverride, "lift", override.pk)
    client.post(url, {"confirmed": "yes", "reason": REASON})
    override.refresh_from_db()
    assert override.lifted_at is not None


@pytest.mark.parametrize("address", [FOREIGN, NESTED])
def test_an_override_of_others_cannot_be_lifted(
    client: Client, editing: None, address: str
) -> None:
    override = RegistrationOverride.objects.get(address=address)
    url = admin_url(RegistrationOverride, "lift", override.pk)
    assert client.get(url).status_code == 404
    assert client.post(url, {"confirmed": "yes", "reason": REASON}).status_code == 404
    override.refresh_from_db()
    assert override.lifted_at is None


def test_a_network_is_never_theirs_to_change(
    client: Client, unit_admin: User, editing: None
) -> None:
    unit_admin.user_permissions.set(Permission.objects.all())
    network = Network.objects.get(unit=UNIT)
    data = {"cidr": "140.114.0.0/16", "kind": "static", "unit": UNIT, "post": "yes"}
    for name, args in (("add", ()), ("change", (network.pk,)), ("delete", (network.pk,))):
        assert client.post(admin_url(Network, name, *args), data).status_code == 403
    assert Network.objects.filter(unit=UNIT).count() == 1


def test_a_network_that_changes_hands_takes_its_rows_along(client: Client) -> None:
    Network.objects.filter(unit=UNIT).update(unit=OTHER)
    for model in (Host, RegistrationOverride, Network):
        assert list(page(client, model, "changelist").context["cl"].result_list) == []


# The page about an address


@pytest.mark.parametrize("address", [FOREIGN, NESTED, "140.114.99.1"])
def test_an_address_of_others_is_not_told_about(client: Client, address: str) -> None:
    response = client.get(reverse("admin:whitelist_address"), {"q": address})
    assert response.status_code == 200
    assert "page" not in response.context
    assert "not in a network of your unit" in text_of(response)
    assert FOREIGN_NAME not in text_of(response)
    refused = client.post(reverse("admin:whitelist_address_ask"), {"address": address})
    assert refused.status_code == 400
    assert not LiveAnswer.objects.exists()


def test_an_address_of_theirs_is_told_about_without_what_is_personal(
    client: Client, unit_admin: User, campus: None
) -> None:
    unit_admin.user_permissions.set(Permission.objects.all())
    make_network("140.114.0.0/16", unit=OTHER)
    response = client.get(reverse("admin:whitelist_address"), {"q": MINE})
    shown = response.context["page"]
    assert [str(n) for n in shown.networks] == ["140.114.66.0/24"]
    assert (shown.entries, shown.blocks) == (None, None)
    assert OTHER not in text_of(response)
    assert re.search(r"lab7\.phys", text_of(response))
