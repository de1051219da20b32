"""Networks and hosts: what staff keep, what they cannot, and what is audited."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from tests.whitelist.admin.staff import REASON, dns_host, page, text_of
from tests.whitelist.factories import make_host, make_network, make_zone
from whitelist.admin_display import admin_url
from whitelist.models import AuditRecord, Host, Network, Zone
from whitelist.models.audit import AuditAction
from whitelist.models.zone import ZoneKind

pytestmark = pytest.mark.django_db


def add(client: Client, model: type[Model], **fields: Any) -> Any:
    return client.post(admin_url(model, "add"), fields, follow=True)


def a_host(**fields: Any) -> dict[str, Any]:
    """What staff fill in for a host of their own list."""
    return {
        "address": "140.114.64.154",
        "name": "lab154.ee.nthu.edu.tw",
        "reason": REASON,
        "until": in_days(30),
        **fields,
    }


def in_days(days: float) -> str:
    """A local time as a browser sends it."""
    return f"{timezone.localtime(timezone.now() + timedelta(days=days)):%Y-%m-%dT%H:%M}"


def found(client: Client, model: type[Model], term: str) -> list[str]:
    return [str(row) for row in page(client, model, "changelist", q=term).context["cl"].result_list]


def test_a_network_is_stored_in_canonical_form_and_audited(
    chief_client: Client, chief: User
) -> None:
    add(chief_client, Network, cidr=" 2001:DB8:1::/48 ", kind="static")
    assert Network.objects.get().cidr == "2001:db8:1::/48"
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert record.actor == chief.username
    assert record.after is not None
    assert record.after["cidr"] == "2001:db8:1::/48"


@pytest.mark.parametrize("cidr", ["", "140.114.64.1/24", "140.114.64.0", "140.114.64.0/33", "x/8"])
def test_a_wrong_cidr_is_refused_at_its_field(chief_client: Client, cidr: str) -> None:
    response = add(chief_client, Network, cidr=cidr, kind="static")
    assert response.context["adminform"].form.errors["cidr"]
    assert not Network.objects.exists()


def test_a_network_cannot_be_there_twice_in_two_spellings(chief_client: Client) -> None:
    make_network("2001:db8:1::/48")
    response = add(chief_client, Network, cidr="2001:0db8:0001::/48", kind="static")
    assert response.context["adminform"].form.errors
    assert Network.objects.count() == 1


def test_changing_a_network_moves_its_bounds_and_keeps_before_and_after(
    chief_client: Client,
) -> None:
    network = make_network("140.114.64.0/24")
    data = {"cidr": "140.114.66.0/24", "kind": "wifi", "unit": network.unit}
    chief_client.post(admin_url(Network, "change", network.pk), data)
    assert found(chief_client, Network, "140.114.66.9") == ["140.114.66.0/24"]
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert record.before is not None
    assert record.after is not None
    assert (record.before["kind"], record.after["kind"]) == ("static", "wifi")


def test_deleting_networks_is_audited_each(chief_client: Client) -> None:
    pks = [make_network(cidr).pk for cidr in ("140.114.64.0/24", "140.114.65.0/24")]
    data = {"action": "delete_selected", "_selected_action": pks, "post": "yes"}
    chief_client.post(admin_url(Network, "changelist"), data)
    assert not Network.objects.exists()
    records = AuditRecord.objects.filter(action=AuditAction.REGISTRY_CHANGED, after__isnull=True)
    assert records.count() == 2


def test_an_address_finds_the_networks_around_it(chief_client: Client) -> None:
    for cidr in ("140.114.0.0/16", "140.114.64.0/24", "140.114.65.0/24", "2001:db8::/32"):
        make_network(cidr)
    assert set(found(chief_client, Network, "140.114.64.154")) == {
        "140.114.0.0/16",
        "140.114.64.0/24",
    }
    assert found(chief_client, Network, "2001:db8::1") == ["2001:db8::/32"]
    assert set(found(chief_client, Network, "140.114.64.0/23")) == {
        "140.114.0.0/16",
        "140.114.64.0/24",
        "140.114.65.0/24",
    }


def test_a_host_of_staff_goes_into_their_own_list(chief_client: Client, chief: User) -> None:
    before = timezone.now()
    add(chief_client, Host, **a_host(name="Lab154.EE.nthu.edu.tw."))
    host = Host.objects.get()
    assert (host.name, host.address) == ("lab154.ee.nthu.edu.tw", "140.114.64.154")
    assert (host.zone.name, host.zone.kind) == ("staff", ZoneKind.LIST)
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert (record.actor, record.address) == (chief.username, host.address)
    assert record.after is not None
    assert record.after["reason"] == REASON
    assert host.first_seen_at is not None
    assert before <= host.first_seen_at <= timezone.now()


def test_looking_at_the_form_does_not_make_the_list(chief_client: Client) -> None:
    page(chief_client, Host, "add")
    assert not Zone.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "lab154"},
        {"name": "lab 154.nthu.edu.tw"},
        {"name": "-lab.nthu.edu.tw"},
        {"name": "lab..nthu.edu.tw"},
        {"name": "實驗室.nthu.edu.tw"},
        {"name": "a" * 64 + ".nthu.edu.tw"},
        {"name": "lab.nthu.edu.tw\nx"},
        {"name": ""},
        {"address": "140.114.64"},
        {"address": "010.0.0.1"},
        {"address": "fe80::1%eth0"},
        {"reason": ""},
        {"until": ""},
        {"until": in_days(-1)},
        {"until": in_days(400)},
    ],
)
def test_a_host_that_is_none_is_refused(chief_client: Client, fields: dict[str, str]) -> None:
    response = add(chief_client, Host, **a_host(**fields))
    assert response.context["adminform"].form.errors.keys() == fields.keys()
    assert not Host.objects.exists()


def test_the_same_host_cannot_be_added_twice(chief_client: Client) -> None:
    make_zone("staff")
    add(chief_client, Host, **a_host())
    response = add(chief_client, Host, **a_host())
    assert response.context["adminform"].form.errors
    assert Host.objects.count() == 1


def test_a_host_cannot_be_put_into_a_dns_zone(chief_client: Client) -> None:
    zone = make_zone("nthu.edu.tw", "forward")
    add(chief_client, Host, **a_host(zone=zone.pk))
    assert not Host.objects.exists()


def test_a_host_of_a_dns_zone_can_be_neither_edited_nor_deleted(
    chief_client: Client, rows: None
) -> None:
    host = dns_host()
    data = {"address": "140.114.64.9", "name": "other.nthu.edu.tw", "post": "yes"}
    assert page(chief_client, Host, "change", host.pk).status_code == 200
    assert chief_client.post(admin_url(Host, "change", host.pk), data).status_code == 403
    assert chief_client.post(admin_url(Host, "delete", host.pk), data).status_code == 403
    host.refresh_from_db()
    assert host.name == "lab154.ee.nthu.edu.tw"


def test_a_listed_host_can_be_changed_and_deleted_with_an_audit(chief_client: Client) -> None:
    host = make_host()
    data = {"address": host.address, "name": "new.ee.nthu.edu.tw", "zone": host.zone_id}
    chief_client.post(admin_url(Host, "change", host.pk), data)
    host.refresh_from_db()
    assert host.name == "new.ee.nthu.edu.tw"
    chief_client.post(admin_url(Host, "delete", host.pk), {"post": "yes"})
    assert not Host.objects.exists()
    changed, deleted = AuditRecord.objects.filter(action=AuditAction.REGISTRY_CHANGED).order_by(
        "pk"
    )
    assert changed.before is not None
    assert changed.before["name"] == "lab154.ee.nthu.edu.tw"
    assert deleted.after is None


def test_a_host_of_another_list_needs_neither_reason_nor_end(chief_client: Client) -> None:
    zone = make_zone("csv")
    add(chief_client, Host, **a_host(zone=zone.pk, reason="", until=""))
    assert Host.objects.get().zone == zone


def test_a_host_whose_end_has_come_is_shown_as_over(chief_client: Client) -> None:
    host = make_host(zone=make_zone("staff"))
    for end, is_over in ((timedelta(days=1), False), (-timedelta(days=1), True)):
        Host.objects.filter(pk=host.pk).update(until=timezone.now() + end)
        row = page(chief_client, Host, "changelist")
        assert ('<span class="tag off">' in text_of(row)) is is_over
        over = page(chief_client, Host, "changelist", stated="over")
        assert (host in over.context["cl"].result_list) is is_over
        in_force = page(chief_client, Host, "changelist", stated="in_force")
        assert (host in in_force.context["cl"].result_list) is not is_over


def test_a_host_of_a_zone_tells_since_when_it_is_known(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"
    loaded = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
    zone = make_zone("nthu.edu.tw", "forward")
    Zone.objects.filter(pk=zone.pk).update(first_loaded_at=loaded)
    host = make_host(zone=zone)
    shown = text_of(page(chief_client, Host, "change", host.pk))
    assert "before 2026-11-01 10:00:00" in shown
    Host.objects.filter(pk=host.pk).update(first_seen_at=loaded + timedelta(days=3))
    assert "2026-11-04 10:00:00" in text_of(page(chief_client, Host, "change", host.pk))


def test_a_host_is_found_by_its_address_or_the_beginning_of_its_name(
    chief_client: Client,
) -> None:
    make_host("140.114.64.1", "lab1.ee.nthu.edu.tw")
    make_host("140.114.64.15", "lab15.ee.nthu.edu.tw")
    assert found(chief_client, Host, "140.114.64.1") == ["lab1.ee.nthu.edu.tw (140.114.64.1)"]
    assert found(chief_client, Host, "LAB15") == ["lab15.ee.nthu.edu.tw (140.114.64.15)"]
    assert found(chief_client, Host, "ee.nthu") == []


@pytest.mark.parametrize("model", [Network, Host])
def test_who_may_only_look_can_change_nothing_of_the_registry(
    viewer_client: Client, model: type[Model]
) -> None:
    row = make_network() if model is Network else make_host()
    for name, args in (("add", ()), ("change", (row.pk,)), ("delete", (row.pk,))):
        response = viewer_client.post(admin_url(model, name, *args), {"post": "yes"})
        assert response.status_code == 403
    assert page(viewer_client, model, "change", row.pk).status_code == 200
    assert model._default_manager.count() == 1


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "128.0.0.0/7", "::/0", "2000::/15"])
def test_a_network_broader_than_any_campus_is_not_taken(chief_client: Client, cidr: str) -> None:
    response = add(chief_client, Network, cidr=cidr, kind="static")
    # The words are of the language of the request; the number in them is not.
    assert "/16" in str(response.context["adminform"].form.errors["cidr"])
    assert not Network.objects.exists()


def test_a_network_as_broad_as_may_be_is_taken(chief_client: Client) -> None:
    for cidr in ("10.0.0.0/8", "2001::/16"):
        add(chief_client, Network, cidr=cidr, kind="reserved")
    assert Network.objects.count() == 2
