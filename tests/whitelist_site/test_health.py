"""What machines ask: alive, ready, and numbers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.whitelist.admin.zones import NAME, follow, hold
from tests.whitelist.factories import NOON, make_zone, open_entry
from whitelist.client_ip import MONITORED
from whitelist.entries import do_end_due_entries
from whitelist.models import AccessMap, AuditRecord, Zone
from whitelist_site.env import Environment
from whitelist_site.health import not_ready

pytestmark = pytest.mark.django_db
LATER = timedelta(seconds=61)


@pytest.fixture
def published(db: None) -> None:
    publish(NOON)


def publish(at: datetime) -> None:
    serial = AccessMap.objects.get().serial
    AccessMap.objects.update(published_serial=serial, published_at=at)


def proxy(settings: Settings, proxies: str) -> None:
    settings.TRUSTED_PROXIES = Environment({"P": proxies}).trusted_proxies("P")


# The answer to the proxy's own host


def test_the_monitored_paths_are_those_of_the_urls() -> None:
    assert {reverse(name) for name in ("healthz", "readyz", "metrics")} == MONITORED


@pytest.mark.parametrize("path", sorted(MONITORED))
@pytest.mark.parametrize("peer", ["10.0.0.1", ""], ids=["tcp", "unix"])
def test_a_trusted_proxys_own_poll_is_answered(
    path: str, peer: str, published: None, settings: Settings
) -> None:
    proxy(settings, "10.0.0.1, unix")
    answer = Client(REMOTE_ADDR=peer).get(path)
    assert answer.status_code == 200
    assert answer.wsgi_request.META["REMOTE_ADDR"] == peer


@pytest.mark.parametrize("path", ["/", "/smtp-whitelist/", "/healthz/", "/admin/", "/privacy"])
def test_no_other_path_is_answered_without_the_header(path: str, settings: Settings) -> None:
    proxy(settings, "10.0.0.1")
    assert Client(REMOTE_ADDR="10.0.0.1").get(path).status_code == 400


@pytest.mark.parametrize("header", ["", " ", "x", "140.114.1.1, "])
def test_a_header_that_is_there_must_be_right_even_there(header: str, settings: Settings) -> None:
    proxy(settings, "10.0.0.1")
    client = Client(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": header})
    assert client.get("/healthz").status_code == 400


def test_other_forwarding_headers_are_dropped_there_too(settings: Settings) -> None:
    proxy(settings, "10.0.0.1")
    sent = {"x-real-ip": "140.114.1.1", "x-forwarded-proto": "https"}
    meta = Client(REMOTE_ADDR="10.0.0.1", headers=sent).get("/healthz").wsgi_request.META
    assert not {"HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PROTO"} & set(meta)


def test_a_socket_that_is_not_trusted_is_refused_there_too(settings: Settings) -> None:
    proxy(settings, "10.0.0.1")
    assert Client(REMOTE_ADDR="").get("/healthz").status_code == 400


# Ready


def test_it_is_ready_when_nothing_is_owed(published: None) -> None:
    assert not_ready(NOON + timedelta(hours=1)) == []
    assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize("content", [None, "garbage", '{"issuers": [{}]}'])
def test_without_readable_issuers_it_is_not_ready(
    content: str | None, published: None, tmp_path: Path, settings: Settings
) -> None:
    settings.PORTAL_ISSUERS_FILE = tmp_path / "issuers.json"
    if content is not None:
        settings.PORTAL_ISSUERS_FILE.write_text(content)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.content == b"portal: the issuers cannot be read\n"


def test_a_publication_may_be_owed_for_a_minute(published: None) -> None:
    opened = NOON + timedelta(hours=1)
    open_entry(at=opened)
    assert not_ready(opened + timedelta(seconds=59)) == []
    assert not_ready(opened + LATER) == ["map: serial 1 not published for 61 s"]
    publish(opened + LATER)
    assert not_ready(opened + 2 * LATER) == []


def test_the_oldest_change_counts_not_the_newest(published: None) -> None:
    first = NOON + timedelta(hours=1)
    open_entry(at=first)
    open_entry("140.114.64.155", name="lab155.ee.nthu.edu.tw", at=first + LATER)
    assert len(not_ready(first + LATER)) == 1


def test_a_change_made_while_the_map_was_published_counts_from_then() -> None:
    open_entry(at=NOON)
    AccessMap.objects.update(published_serial=0, published_at=NOON + timedelta(seconds=1))
    assert not_ready(NOON + timedelta(seconds=30)) == []
    assert len(not_ready(NOON + timedelta(seconds=1) + LATER)) == 1


def test_lapsed_entries_that_were_closed_are_owed_too(published: None) -> None:
    entry = open_entry(at=NOON)
    publish(NOON)
    do_end_due_entries(entry.expires_at)
    assert len(not_ready(entry.expires_at + LATER)) == 1


def test_refusals_and_settings_owe_nothing(published: None) -> None:
    open_entry(at=NOON + timedelta(hours=2))
    AuditRecord.objects.create(at=NOON + LATER, action="entry_refused", actor_kind="member")
    assert not_ready(NOON + timedelta(hours=2, seconds=30)) == []


def test_metrics_name_the_serials(published: None) -> None:
    open_entry(at=timezone.now())
    text = Client().get("/metrics").content.decode()
    assert "whitelist_map_serial 1\n" in text
    assert "whitelist_map_published_serial 0\n" in text


def test_metrics_tell_age_state_and_size_of_each_zone(published: None) -> None:
    zone = follow(at=timezone.now(), view="inside", hosts_count=65_536)
    Zone.objects.filter(pk=make_zone("csv").pk).update(loaded_at=NOON, hosts_count=3)
    make_zone("known.nthu.edu.tw", "forward")  # by a delegation only: not ours to watch
    text = Client().get("/metrics").content.decode()
    labels = f'zone="{zone.name}",view="inside"'
    age = re.search(rf"^whitelist_zone_age_seconds{{{labels}}} (\d+)$", text, re.MULTILINE)
    assert age is not None
    assert 720 <= int(age[1]) < 780
    assert f'whitelist_zone_state{{{labels},state="ok"}} 1\n' in text
    assert f"whitelist_zone_hosts{{{labels}}} 65536\n" in text
    assert 'whitelist_zone_state{zone="csv",view="",state="by_hand"} 1\n' in text
    assert 'whitelist_zone_age_seconds{zone="csv"' not in text
    assert "known.nthu.edu.tw" not in text


def test_a_label_of_a_metric_cannot_break_out_of_its_quotation_marks(published: None) -> None:
    follow(view='in"\n\\side')
    assert f'zone="{NAME}",view="in\\"\\n\\\\side"' in Client().get("/metrics").content.decode()


def test_metrics_take_one_query_for_all_zones(published: None) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            Client().get("/metrics")
        return len(captured)

    before = queries()
    for number in range(20):
        hold(follow(f"zone{number}.tw", at=NOON), [], NOON)
    assert queries() == before
