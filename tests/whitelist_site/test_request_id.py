"""One id a request: in the answer, in the log, in the audit; a client cannot choose it."""

from __future__ import annotations

import logging
import re

import pytest
from django.conf import settings as site_settings
from django.test import Client, RequestFactory

from tests.whitelist.factories import NOON
from whitelist import audit
from whitelist.audit import SYSTEM
from whitelist.models.audit import AuditAction, AuditRecord
from whitelist_site.env import Environment
from whitelist_site.logs import LOGGING, RequestIdFilter
from whitelist_site.request_id import RequestIdMiddleware

MADE = re.compile(r"[0-9a-f]{32}")
TOLD = "proxy-4711-abcdef"


@pytest.fixture
def proxy(settings) -> None:
    settings.TRUSTED_PROXIES = Environment({"P": "127.0.0.1"}).trusted_proxies("P")
    settings.TRUSTED_HOPS = 1


def asked(told: str | None, **headers: str) -> str:
    given = {**headers, **({} if told is None else {"X-Request-ID": told})}
    return str(Client().get("/healthz", headers=given).headers["X-Request-ID"])


def passed_on(told: str | None) -> str:
    forwarded = {"X-Forwarded-For": "140.114.64.1", "X-Forwarded-Proto": "http"}
    return asked(told, **forwarded)


def test_each_request_gets_an_id_of_its_own():
    first, second = asked(None), asked(None)
    assert MADE.fullmatch(first)
    assert MADE.fullmatch(second)
    assert first != second


@pytest.mark.parametrize("told", [TOLD, "a" * 8, "A-1" * 21 + "Z"])
def test_a_trusted_proxys_id_is_taken(proxy, told):
    assert passed_on(told) == told


@pytest.mark.parametrize(
    "told",
    ["", "a" * 7, "a" * 65, "with space", "semi;colon", "ünïcödé-8", "12345678\n", "a_b_c_d_e"],
    ids=["empty", "short", "long", "space", "sign", "letters", "new-line", "underscore"],
)
def test_a_malformed_id_is_replaced(proxy, told):
    assert MADE.fullmatch(passed_on(told))


def test_nobody_but_a_trusted_proxy_chooses_an_id(proxy, settings):
    assert passed_on(TOLD) == TOLD
    settings.TRUSTED_PROXIES = Environment({"P": "127.0.0.9"}).trusted_proxies("P")
    assert MADE.fullmatch(passed_on(TOLD))


def id_in(record: logging.LogRecord) -> str:
    return str(vars(record)["request_id"])


def handled(seen: list[str]) -> RequestIdMiddleware:
    def view(request):
        request_filter, record = RequestIdFilter(), logging.makeLogRecord({"msg": "in it"})
        assert request_filter.filter(record)
        seen.append(id_in(record))
        audit.record(AuditAction.REFUSED, actor=SYSTEM, at=NOON)
        raise RuntimeError

    return RequestIdMiddleware(view)


@pytest.mark.django_db
def test_log_lines_and_audit_records_of_a_request_bear_its_id_and_later_ones_do_not():
    seen: list[str] = []
    request = RequestFactory().get("/")
    with pytest.raises(RuntimeError):
        handled(seen)(request)
    audit.record(AuditAction.REFUSED, actor=SYSTEM, at=NOON)
    inside, outside = AuditRecord.objects.order_by("pk").values_list("request_id", flat=True)
    assert seen == [inside] == [request.META["HTTP_X_REQUEST_ID"]]
    assert outside == ""
    later = logging.makeLogRecord({"msg": "after it"})
    RequestIdFilter().filter(later)
    assert id_in(later) == "-"


def test_the_line_about_a_refused_request_is_formatted_with_its_id(caplog):
    """Django writes it when the middleware has long returned."""
    answer = Client().post("/healthz")
    record = next(record for record in caplog.records if record.name == "django.request")
    RequestIdFilter().filter(record)
    form = LOGGING["formatters"]["line"]["format"]
    line = logging.Formatter(form).format(record)
    assert f" {answer.headers['X-Request-ID']} django.request: " in line


def test_every_line_of_the_service_passes_the_filter():
    handlers = LOGGING["handlers"]
    assert all(handler["filters"] == ["request_id"] for handler in handlers.values())
    assert site_settings.MIDDLEWARE[1] == "whitelist_site.request_id.RequestIdMiddleware"
