"""Staff find audit records by what they know of them, and take them away as a file."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.whitelist.admin.staff import PASSWORD, page, signed_in, text_of
from tests.whitelist.factories import NOON
from whitelist import audit
from whitelist.audit import Actor
from whitelist.models import AuditRecord
from whitelist.models.audit import ActorKind, AuditAction

pytestmark = pytest.mark.django_db
MEMBER = Actor(ActorKind.MEMBER, "s112062501")
OTHER = Actor(ActorKind.MEMBER, "s112062502")
INSIDE, OUTSIDE = "140.114.64.154", "140.114.65.1"


@pytest.fixture(autouse=True)
def records(chief_client: Client) -> None:
    chief_client.cookies["django_language"] = "en"
    told = [(MEMBER, INSIDE, "quota"), (OTHER, OUTSIDE, "=cmd"), (OTHER, INSIDE, "no_name")]
    for day, (actor, address, reason) in enumerate(told):
        at = NOON - timedelta(days=day)
        token = audit.REQUEST_ID.set(f"proxy-4711-{reason[:5]}")
        audit.record(AuditAction.REFUSED, actor=actor, at=at, address=address, reason=reason)
        audit.REQUEST_ID.reset(token)


def found(client: Client, **query: str) -> list[str]:
    rows = page(client, AuditRecord, "changelist", **query).context["cl"].result_list
    return [row.reason for row in rows]


@pytest.mark.parametrize(
    ("query", "reasons"),
    [
        ({}, ["quota", "=cmd", "no_name"]),
        ({"address": INSIDE}, ["quota", "no_name"]),
        ({"address": "140.114.64.0/24"}, ["quota", "no_name"]),
        ({"actor": "s112062502"}, ["=cmd", "no_name"]),
        ({"since": "2026-11-23", "until": "2026-11-23"}, ["=cmd"]),
        ({"since": "2026-11-23 12:00:01"}, ["quota"]),
        ({"request_id": "proxy-4711-quota"}, ["quota"]),
        ({"actor": "s112062502", "address": INSIDE}, ["no_name"]),
        ({"q": "140.114.65.0/24"}, ["=cmd"]),
        ({"q": "s112062501"}, ["quota"]),
        ({"q": "no_na"}, ["no_name"]),
    ],
    ids=str,
)
def test_it_is_found_by(chief_client: Client, query: dict[str, str], reasons: list[str]) -> None:
    assert found(chief_client, **query) == reasons


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"since": "yesterday"}, "Enter a day (2026-11-24), or a time (2026-11-24 16:22)."),
        ({"address": "140.114.64"}, "Enter an address, or a network (140.114.64.0/24)."),
    ],
    ids=str,
)
def test_what_makes_no_sense_finds_nothing_and_says_why(
    chief_client: Client, query: dict[str, str], words: str
) -> None:
    assert words in text_of(page(chief_client, AuditRecord, "changelist", **query))
    assert found(chief_client, **query) == []


def exported(client: Client, form: str, **query: str) -> str:
    answer = client.get(reverse("admin:whitelist_auditrecord_export", args=[form]), query)
    assert answer.status_code == 200
    assert f".{form}" in answer["Content-Disposition"]
    return answer.getvalue().decode()


def test_what_the_list_finds_is_exported_and_no_formula_with_it(chief_client: Client) -> None:
    text = exported(chief_client, "csv", actor="s112062502")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["reason"] for row in rows] == ["no_name", "'=cmd"]  # as it happened
    lines = exported(chief_client, "jsonl", address=OUTSIDE).splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["=cmd"]


def test_who_may_not_see_it_cannot_export_it() -> None:
    client = signed_in(User.objects.create_user("somebody", password=PASSWORD, is_staff=True))
    answer = client.get(reverse("admin:whitelist_auditrecord_export", args=["csv"]))
    assert answer.status_code == 403
