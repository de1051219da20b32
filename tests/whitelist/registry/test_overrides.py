"""Staff decide about single addresses: for a time, with a reason, and on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.whitelist.factories import ADDRESS, NAME, NOON
from tests.whitelist.registry.standing import HOUR, found
from whitelist.addresses import parse_address
from whitelist.audit import Actor
from whitelist.models.audit import ActorKind, AuditAction, AuditRecord
from whitelist.models.registration import OverrideDecision, RegistrationOverride
from whitelist.registry.lookup import AddressStatus
from whitelist.registry.overrides import do_lift, do_override

pytestmark = pytest.mark.django_db

STAFF = Actor(ActorKind.STAFF, "lin")
ACCEPT, REFUSE = OverrideDecision.ACCEPT, OverrideDecision.REFUSE
SECOND = timedelta(seconds=1)


def decide(
    decision: OverrideDecision = ACCEPT, *, at: datetime = NOON, **fields: Any
) -> RegistrationOverride:
    name = NAME if decision == ACCEPT else ""
    values = {"name": name, "reason": "seen the machine", "until": at + HOUR, "user": None}
    return do_override(parse_address(ADDRESS), decision, **{**values, **fields}, actor=STAFF, at=at)


def records(action: AuditAction) -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(action=action))


def test_a_decision_is_stored_counts_and_is_on_record(django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("lin")
    made = decide(user=user)
    assert found().status == AddressStatus.REGISTERED
    assert (made.created_by, made.reason, made.until) == (user, "seen the machine", NOON + HOUR)
    [record] = records(AuditAction.OVERRIDE_SET)
    assert (record.actor, record.address, record.at) == ("lin", ADDRESS, NOON)
    assert record.reason == "seen the machine"
    assert record.before is None
    assert record.after == {
        "decision": "accept", "name": NAME, "until": (NOON + HOUR).isoformat(),
    }  # fmt: skip


def test_a_new_decision_replaces_the_one_that_stands() -> None:
    first = decide()
    decide(REFUSE, at=NOON + SECOND)
    first.refresh_from_db()
    assert first.lifted_at == NOON + SECOND
    assert found(at=NOON + SECOND).status == AddressStatus.REVIEW
    assert RegistrationOverride.objects.in_force(NOON + SECOND).count() == 1
    last = records(AuditAction.OVERRIDE_SET)[0]
    assert last.before is not None
    assert last.after is not None
    assert (last.before["decision"], last.after["decision"]) == ("accept", "refuse")


def test_one_that_has_lapsed_is_closed_at_its_own_end() -> None:
    first = decide()
    decide(at=NOON + 2 * HOUR)
    first.refresh_from_db()
    assert first.lifted_at == NOON + HOUR
    assert records(AuditAction.OVERRIDE_SET)[0].before is None


def test_a_name_is_kept_in_its_canonical_form() -> None:
    assert decide(name=" LAB154.ee.NTHU.edu.tw. ").name == NAME


@pytest.mark.parametrize("until", [NOON + SECOND, NOON + timedelta(days=366)])
def test_it_ends_within_a_year(until: datetime) -> None:
    assert decide(until=until).until == until


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "lab154"}, {"name"}),
        ({"name": "*.ee.nthu.edu.tw"}, {"name"}),
        ({"reason": " \n"}, {"reason"}),
        ({"until": NOON}, {"until"}),
        ({"until": NOON + timedelta(days=366, seconds=1)}, {"until"}),
        ({"name": "", "reason": "", "until": NOON}, {"name", "reason", "until"}),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    fields: dict[str, Any], wrong: set[str]
) -> None:
    first = decide(at=NOON - SECOND)
    with pytest.raises(ValidationError) as refused:
        decide(**fields)
    assert set(refused.value.message_dict) == wrong
    first.refresh_from_db()
    assert first.lifted_at is None
    assert len(records(AuditAction.OVERRIDE_SET)) == 1


def test_a_refusal_needs_no_name() -> None:
    assert decide(REFUSE).name == ""


def test_a_decision_is_lifted_once() -> None:
    made = decide()
    assert do_lift(made, actor=STAFF, at=NOON + SECOND, reason="machine gone")
    assert found(at=NOON + SECOND).status == AddressStatus.NO_NAME
    assert not do_lift(made, actor=STAFF, at=NOON + 2 * SECOND, reason="again")
    [record] = records(AuditAction.OVERRIDE_LIFTED)
    assert (record.address, record.reason) == (ADDRESS, "machine gone")
    assert record.before is not None
    assert record.before["name"] == NAME


def test_one_that_has_lapsed_cannot_be_lifted() -> None:
    made = decide()
    assert not do_lift(made, actor=STAFF, at=NOON + HOUR, reason="late")
    assert records(AuditAction.OVERRIDE_LIFTED) == []
