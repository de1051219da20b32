"""Zones: how they stand, what staff may change of them, and asking for a sync."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.forms import modelform_factory
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.whitelist.admin.staff import act, messages_of, page, text_of
from tests.whitelist.admin.zones import NAME, SERIAL, follow, hold, make_run
from tests.whitelist.factories import make_zone
from whitelist.admin.zone import SETTINGS
from whitelist.admin.zone_form import ZoneForm
from whitelist.admin_display import admin_url
from whitelist.models import AuditRecord, HeldTransfer, SyncRun, Zone
from whitelist.models.audit import AuditAction
from whitelist.models.zone import ZoneKind, ZoneSource, ZoneState
from whitelist.registry.following.schedule import SYNC_TASK

pytestmark = pytest.mark.django_db

KEYS = """
key "campus" { algorithm hmac-sha256; secret "c2VjcmV0IG9mIHRoZSBjYW1wdXM="; };
key "other.nthu" { algorithm hmac-sha256; secret "YW5vdGhlciBzZWNyZXQgb2YgaXQ="; };
"""
SECRET = "c2VjcmV0IG9mIHRoZSBjYW1wdXM="


@pytest.fixture(autouse=True)
def english(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"


@pytest.fixture(autouse=True)
def keys_file(settings: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "keys.conf"
    path.write_text(KEYS)
    settings.DNS_KEYS_FILE = path
    return path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tasks that were sent, with their arguments."""
    tasks: list[Any] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, args=(), **_rest: tasks.append((name, *args))
    )
    return tasks


def servers(*rows: tuple[str, str], **more: str) -> dict[str, str]:
    """The fields of the form for servers: address and key name of new ones."""
    fields = {"servers-TOTAL_FORMS": str(len(rows)), "servers-INITIAL_FORMS": "0"}
    for number, (address, key) in enumerate(rows):
        fields |= {
            f"servers-{number}-address": address,
            f"servers-{number}-port": "53",
            f"servers-{number}-key_name": key,
            f"servers-{number}-position": str(number),
        }
    return fields | more


def stored_servers(zone: Zone) -> dict[str, str]:
    """The fields as the page of a zone with one server sends them back."""
    server = zone.servers.get()
    return servers(
        (server.address, server.key_name),
        **{"servers-INITIAL_FORMS": "1", "servers-0-id": str(server.pk)},
        **{"servers-0-zone": str(zone.pk)},
    )


def fields_of(zone: Zone, **changes: Any) -> dict[str, Any]:
    names = ("view", "source", "file", "loss_allowed")
    return {name: getattr(zone, name) for name in names} | stored_servers(zone) | changes


def add(client: Client, **fields: Any) -> Any:
    data = {"name": NAME, "source": "servers", "loss_allowed": "20", **fields}
    if "servers-TOTAL_FORMS" not in data:
        data |= servers(("127.0.0.1", "campus"))
    return client.post(admin_url(Zone, "add"), data, follow=True)


def change(client: Client, zone: Zone, **changes: Any) -> Any:
    return client.post(admin_url(Zone, "change", zone.pk), fields_of(zone, **changes), follow=True)


def errors_of(response: Any) -> set[str]:
    """The fields with errors; `servers` is the set of them as a whole."""
    form, formset = response.context["adminform"].form, response.context["inline_admin_formsets"][0]
    found = set(form.errors)
    found |= {name for errors in formset.formset.errors for name in errors}
    if formset.formset.non_form_errors():
        found.add("servers")
    return found


# Making and changing


def test_a_new_zone_has_the_kind_of_its_name_and_is_due_at_once(
    chief_client: Client, chief: User
) -> None:
    add(chief_client, name="EE.nthu.edu.tw.")
    zone = Zone.objects.get()
    assert (zone.name, zone.kind, zone.source) == (NAME, ZoneKind.FORWARD, ZoneSource.SERVERS)
    assert list(Zone.objects.due(timezone.now())) == [zone]
    server = zone.servers.get()
    assert (server.address, server.port, server.key_name) == ("127.0.0.1", 53, "campus")
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert (record.actor, record.before) == (chief.username, None)
    assert record.after is not None
    assert record.after["servers"] == "127.0.0.1#53 campus"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("64.114.140.in-addr.arpa", ZoneKind.REVERSE),
        ("0/25.64.114.140.in-addr.arpa", ZoneKind.REVERSE),
        ("8.b.d.0.1.0.0.2.ip6.arpa", ZoneKind.REVERSE),
        ("arpa.nthu.edu.tw", ZoneKind.FORWARD),
        ("_tcp.nthu.edu.tw", ZoneKind.FORWARD),
    ],
)
def test_the_kind_follows_from_the_name(chief_client: Client, name: str, kind: ZoneKind) -> None:
    add(chief_client, name=name)
    assert (Zone.objects.get().name, Zone.objects.get().kind) == (name, kind)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "."}, {"name"}),
        ({"name": "ee nthu"}, {"name"}),
        ({"name": "-ee.nthu.edu.tw/../x"}, {"name"}),
        ({"name": "電機.nthu.edu.tw"}, {"name"}),
        ({"name": "a" * 256}, {"name"}),
        ({"source": "elsewhere"}, {"source"}),
        ({"loss_allowed": "101"}, {"loss_allowed"}),
        ({"loss_allowed": "-1"}, {"loss_allowed"}),
        ({"source": "file"}, {"file"}),
        ({"source": "file", "file": "../secrets"}, {"file"}),
        ({"source": "file", "file": "/etc/passwd"}, {"file"}),
        ({"source": "file", "file": "..\\secrets"}, {"file"}),
        ({"source": "file", "file": ".."}, {"file"}),
        ({"source": "file", "file": "a\tb"}, {"file"}),
        (servers(), {"servers"}),
        (servers(("ns.nthu.edu.tw", "")), {"address"}),
        (servers(("010.0.0.1", "")), {"address"}),
        (servers(("fe80::1%eth0", "")), {"address"}),
        (servers(("224.0.0.1", "")), {"address"}),
        (servers(("127.0.0.1", "nobody")), {"key_name"}),
        (servers(("127.0.0.1", ""), **{"servers-0-port": "0"}), {"port"}),
        (servers(("127.0.0.1", ""), **{"servers-0-port": "65536"}), {"port"}),
        (servers(("127.0.0.1", ""), ("::ffff:127.0.0.1", "campus")), {"servers", "__all__"}),
    ],
)
def test_a_zone_that_cannot_be_followed_so_is_refused_at_its_field(
    chief_client: Client, fields: dict[str, str], wrong: set[str]
) -> None:
    assert errors_of(add(chief_client, **fields)) == wrong
    assert not Zone.objects.exists()


@pytest.mark.parametrize(
    ("written", "stored"),
    [("::1", "::1"), (" 2001:DB8::0:1 ", "2001:db8::1"), ("::ffff:140.114.64.1", "140.114.64.1")],
)
def test_an_address_of_a_server_is_stored_in_canonical_form(
    chief_client: Client, written: str, stored: str
) -> None:
    add(chief_client, **servers((written, "")))
    assert Zone.objects.get().servers.get().address == stored


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "hand", **servers()},
        {"source": "file", "file": "ee.zone", **servers()},
        {"source": "file", "file": "電機.zone", **servers()},
    ],
)
def test_only_transfers_need_a_server(chief_client: Client, fields: dict[str, str]) -> None:
    add(chief_client, **fields)
    assert Zone.objects.get().source == fields["source"]


def test_the_last_server_of_a_transferred_zone_cannot_be_taken_away(chief_client: Client) -> None:
    zone = follow()
    response = change(chief_client, zone, **{"servers-0-DELETE": "on"})
    assert errors_of(response) == {"servers"}
    assert zone.servers.count() == 1
    change(chief_client, zone, source="hand", **{"servers-0-DELETE": "on"})
    assert zone.servers.count() == 0


def test_one_name_can_be_there_once_a_view(chief_client: Client) -> None:
    first = follow(view="inside")
    assert errors_of(add(chief_client, view="inside")) == {"view"}
    add(chief_client, view="outside")
    second = Zone.objects.get(view="outside")
    assert errors_of(change(chief_client, first, view="outside")) == {"view"}
    change(chief_client, second, view="")
    assert set(Zone.objects.values_list("view", flat=True)) == {"", "inside"}


def test_name_and_kind_cannot_be_changed(chief_client: Client) -> None:
    zone = follow()
    change(chief_client, zone, name="other.nthu.edu.tw", kind="reverse", loss_allowed="30")
    zone.refresh_from_db()
    assert (zone.name, zone.kind, zone.loss_allowed) == (NAME, ZoneKind.FORWARD, 30)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "hand"},
        {"source": "file", "file": "ee.zone"},
        {"servers-0-key_name": "other.nthu"},
        {"servers-0-address": "127.0.0.2"},
        {"view": "inside"},
    ],
)
def test_another_source_or_server_makes_a_zone_due_at_once(
    chief_client: Client, changes: dict[str, str]
) -> None:
    zone = follow(at=timezone.now())
    change(chief_client, zone, **changes)
    zone.refresh_from_db()
    assert zone.next_check_at is None
    assert AuditRecord.objects.filter(action=AuditAction.REGISTRY_CHANGED).count() == 1


def test_another_guard_leaves_the_time_of_the_next_check(chief_client: Client, chief: User) -> None:
    zone = follow(at=timezone.now())
    change(chief_client, zone, loss_allowed="50")
    before = zone.next_check_at
    zone.refresh_from_db()
    assert (zone.next_check_at, zone.loss_allowed) == (before, 50)
    record = AuditRecord.objects.get(action=AuditAction.REGISTRY_CHANGED)
    assert record.before is not None
    assert record.after is not None
    assert (record.before["loss_allowed"], record.after["loss_allowed"]) == ("20", "50")
    assert record.after["name"] == NAME


def test_saving_without_a_change_is_not_audited(chief_client: Client) -> None:
    zone = follow(at=timezone.now())
    change(chief_client, zone)
    assert not AuditRecord.objects.exists()


def test_saving_keeps_what_a_sync_wrote_while_the_form_was_judged() -> None:
    read = follow(at=timezone.now())
    form = modelform_factory(Zone, form=ZoneForm, fields=SETTINGS)(
        {**fields_of(read), "loss_allowed": "50"}, instance=read
    )
    assert form.is_valid(), form.errors
    Zone.objects.filter(pk=read.pk).update(serial=SERIAL + 9, hosts_count=77)
    zone_admin = admin.site._registry[Zone]
    zone_admin.save_model(RequestFactory().post("/"), form.instance, form, change=True)
    stored = Zone.objects.get()
    assert (stored.loss_allowed, stored.serial, stored.hosts_count) == (50, SERIAL + 9, 77)


def test_a_list_cannot_be_followed_and_keeps_its_kind(chief_client: Client) -> None:
    zone = make_zone("csv")
    data = {"view": "", "source": "servers", "loss_allowed": "20", **servers(("127.0.0.1", ""))}
    response = chief_client.post(admin_url(Zone, "change", zone.pk), data)
    assert "source" in errors_of(response)
    zone.refresh_from_db()
    assert (zone.kind, zone.source) == (ZoneKind.LIST, ZoneSource.HAND)


def test_a_zone_cannot_be_deleted(chief_client: Client) -> None:
    zone = follow()
    response = chief_client.post(admin_url(Zone, "delete", zone.pk), {"post": "yes"})
    assert response.status_code == 403
    act(chief_client, Zone, "delete_selected", zone.pk, post="yes")
    assert Zone.objects.exists()


def test_who_may_only_look_changes_nothing_and_asks_for_nothing(
    viewer_client: Client, sent: list[Any]
) -> None:
    zone = follow(at=timezone.now())
    url = admin_url(Zone, "sync", zone.pk)
    for answer in (
        add(viewer_client, name="other.nthu.edu.tw"),
        change(viewer_client, zone, loss_allowed="99"),
        viewer_client.post(url),
    ):
        assert answer.status_code == 403
    shown = text_of(page(viewer_client, Zone, "change", zone.pk))
    assert "127.0.0.1" in shown
    assert url not in shown
    act(viewer_client, Zone, "sync_selected", zone.pk)
    assert sent == []
    zone.refresh_from_db()
    assert zone.loss_allowed == 20


# Keys


def test_keys_are_chosen_by_name_and_no_secret_is_shown(chief_client: Client) -> None:
    text = text_of(page(chief_client, Zone, "change", follow().pk))
    assert '<option value="campus" selected>campus</option>' in text
    assert '<option value="other.nthu">other.nthu</option>' in text
    assert SECRET not in text


def test_a_key_that_left_the_file_is_named_and_can_be_kept(
    chief_client: Client, keys_file: Path
) -> None:
    zone = follow()
    keys_file.write_text("")
    assert "campus (not in the key file)" in text_of(page(chief_client, Zone, "change", zone.pk))
    change(chief_client, zone, loss_allowed="30")
    assert zone.servers.get().key_name == "campus"


def test_where_the_key_file_cannot_be_read_the_page_says_why_and_takes_a_name(
    chief_client: Client, keys_file: Path
) -> None:
    keys_file.write_text(f'key "campus" {{ secret {SECRET} }};')
    text = text_of(page(chief_client, Zone, "add"))
    assert "The key file cannot be used" in text
    assert SECRET not in text
    add(chief_client, **servers(("127.0.0.1", "Campus.NTHU.")))
    assert Zone.objects.get().servers.get().key_name == "campus.nthu"


def test_without_a_key_file_transfers_are_not_signed(
    chief_client: Client, settings: Settings
) -> None:
    settings.DNS_KEYS_FILE = None
    assert errors_of(add(chief_client)) == {"key_name"}
    add(chief_client, **servers(("127.0.0.1", "")))
    assert Zone.objects.get().servers.get().key_name == ""


# The list


def in_every_state() -> dict[str, Zone]:
    """One zone in each state; `never` is one that is followed."""
    now = timezone.now()
    long_ago = now - timedelta(hours=3)
    zones = {
        ZoneState.BY_HAND: make_zone("csv"),
        ZoneState.NEVER: follow("never.tw"),
        ZoneState.OK: follow("ok.tw", at=now),
        ZoneState.STALE: follow("stale.tw", at=long_ago),
        ZoneState.FAILING: follow("failing.tw", at=now, failing_since=now, fault="refused"),
        ZoneState.EXPIRED: follow("expired.tw", at=long_ago - timedelta(days=8)),
        ZoneState.HELD: follow("held.tw", at=now),
    }
    Zone.objects.filter(pk=zones[ZoneState.BY_HAND].pk).update(loaded_at=now)
    hold(zones[ZoneState.HELD], [], now)
    return {str(state): zone for state, zone in zones.items()}


def found(client: Client, **query: str) -> set[str]:
    return {zone.name for zone in page(client, Zone, "changelist", **query).context["cl"].queryset}


def test_the_filter_by_state_finds_the_zones_that_show_it(chief_client: Client) -> None:
    zones = in_every_state()
    assert set(zones) == set(ZoneState.values)
    for state, zone in zones.items():
        assert found(chief_client, state=state) == {zone.name}
        shown = text_of(page(chief_client, Zone, "changelist", q=zone.name))
        assert f"{ZoneState(state).label}</span>" in shown
    assert len(found(chief_client, state="nonsense")) == len(zones)


def test_the_list_says_how_old_and_how_large_a_zone_is(chief_client: Client) -> None:
    follow(at=timezone.now(), hosts_count=65_536, left_out={"alias": 1200, "wildcard": 34})
    text = text_of(page(chief_client, Zone, "changelist"))
    for words in (
        "12 minutes ago",
        "65,536",
        "1,234 left out",
        str(SERIAL),
        "Forward · name servers",
    ):
        assert words in text


def test_zones_are_found_by_kind_source_view_and_a_part_of_the_name(chief_client: Client) -> None:
    follow("ee.nthu.edu.tw", view="inside")
    make_zone("64.114.140.in-addr.arpa", "reverse")
    assert found(chief_client, view="inside") == {"ee.nthu.edu.tw"}
    assert found(chief_client, kind__exact="reverse") == {"64.114.140.in-addr.arpa"}
    assert found(chief_client, source__exact="servers") == {"ee.nthu.edu.tw"}
    assert found(chief_client, q="NTHU") == {"ee.nthu.edu.tw"}


def test_fifty_zones_take_as_many_queries_as_five_and_no_host_is_counted(
    chief_client: Client,
) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert page(chief_client, Zone, "changelist").status_code == 200
        return [query["sql"] for query in captured]

    now = timezone.now()
    for number in range(5):
        hold(follow(f"zone{number}.tw", at=now), [], now)
    few = queries()
    for number in range(5, 50):
        hold(follow(f"zone{number}.tw", at=now), [], now)
    many = queries()
    assert len(many) == len(few) <= 12
    assert not any("whitelist_host" in sql for sql in many)
    assert not any('."hosts"' in sql or '."cuts"' in sql for sql in many)


# The page of one zone


@pytest.mark.parametrize(
    ("state", "sentences"),
    [
        (ZoneState.BY_HAND, ["Nobody follows it"]),
        (ZoneState.NEVER, ["never loaded", "as soon as a worker is free"]),
        (ZoneState.OK, ["(12 minutes ago)", "Next check at"]),
        (ZoneState.STALE, ["about every 1 hour", "Check that beat and the worker"]),
        (ZoneState.FAILING, ["refuses to transfer", "Ask its administrator", "stands, until"]),
        (ZoneState.EXPIRED, ["it expired at", "count for nobody"]),
        (ZoneState.HELD, ["was not applied", "lose their last name", "Look at what is held"]),
    ],
)
def test_the_page_says_in_words_how_the_zone_stands(
    chief_client: Client, state: ZoneState, sentences: list[str]
) -> None:
    zone = in_every_state()[state]
    text = text_of(page(chief_client, Zone, "change", zone.pk))
    assert f"{state.label}</span>" in text
    for sentence in sentences:
        assert sentence in text
    assert "Taiwan time" in text


def test_a_fault_is_told_with_its_detail_and_nothing_in_it_is_markup(chief_client: Client) -> None:
    now = timezone.now()
    zone = follow(
        at=now, failing_since=now, fault="wrong_key", fault_detail="TSIG <b>BADSIG</b> from x"
    )
    text = text_of(page(chief_client, Zone, "change", zone.pk))
    assert "does not accept our signature" in text
    assert "TSIG &lt;b&gt;BADSIG&lt;/b&gt; from x" in text


def test_the_page_leads_to_hosts_omitted_records_runs_and_what_is_held(
    chief_client: Client,
) -> None:
    now = timezone.now()
    zone = follow(at=now, hosts_count=12, left_out={"alias": 3, "gone_reason": 1})
    held = hold(zone, [], now)
    run = make_run(zone, now)
    text = text_of(page(chief_client, Zone, "change", zone.pk))
    of_zone = f"?zone__id__exact={zone.pk}"
    assert f"/whitelist/host/{of_zone}" in text
    assert f"/whitelist/omittedrecord/{of_zone}&amp;reason=alias" in text
    assert "gone_reason" in text
    assert f"/whitelist/syncrun/{of_zone}" in text
    assert admin_url(SyncRun, "change", run.pk) in text
    assert admin_url(HeldTransfer, "change", held.pk) in text
    assert "refresh 1 hour · retry 15 minutes · expire 7 days" in text


def test_the_page_shows_the_latest_ten_runs(chief_client: Client) -> None:
    now = timezone.now()
    zone = follow(at=now)
    runs = [make_run(zone, now - timedelta(minutes=minutes)) for minutes in range(12)]
    text = text_of(page(chief_client, Zone, "change", zone.pk))
    shown = [admin_url(SyncRun, "change", run.pk) in text for run in runs]
    assert shown == [True] * 10 + [False] * 2


# Asking for a sync


@pytest.mark.parametrize(("query", "full"), [("", False), ("?full=1", True)])
def test_sync_now_asks_the_worker_and_a_get_does_not(
    chief_client: Client, chief: User, sent: list[Any], query: str, full: bool
) -> None:
    zone = follow(at=timezone.now())
    url = admin_url(Zone, "sync", zone.pk) + query
    assert chief_client.get(url).status_code == 405
    assert sent == []
    response = chief_client.post(url, follow=True)
    assert sent == [(SYNC_TASK, zone.pk, "staff", chief.username, full)]
    assert response.redirect_chain[-1][0] == admin_url(Zone, "change", zone.pk)
    assert ("in full" in messages_of(response)[0]) == full
    assert list(Zone.objects.due(timezone.now())) == [zone]


def test_the_action_asks_for_those_that_are_followed(chief_client: Client, sent: list[Any]) -> None:
    zones = [follow("a.tw"), follow("b.tw"), make_zone("csv")]
    response = act(chief_client, Zone, "sync_selected", *(zone.pk for zone in zones))
    assert [task[1] for task in sent] == [zones[0].pk, zones[1].pk]
    assert [message.split(":")[0] for message in messages_of(response)] == [
        "Asked for a sync of 2 zones. Their pages show the results as they come.",
        "1 zone is loaded by hand",
    ]


def test_what_is_loaded_by_hand_has_no_button_and_asks_nobody(
    chief_client: Client, sent: list[Any]
) -> None:
    zone = make_zone("csv")
    url = admin_url(Zone, "sync", zone.pk)
    assert url not in text_of(page(chief_client, Zone, "change", zone.pk))
    chief_client.post(url)
    assert sent == []


def test_more_zones_than_can_be_asked_for_at_once_are_refused(
    chief_client: Client, sent: list[Any]
) -> None:
    zones = [follow(f"zone{number}.tw") for number in range(51)]
    response = act(chief_client, Zone, "sync_selected", *(zone.pk for zone in zones))
    assert sent == []
    assert messages_of(response) == ["Select at most 50 zones at once."]
