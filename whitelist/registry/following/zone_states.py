"""`Zone.state` as the database computes it: for filters and counts over all zones."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    DurationField,
    Expression,
    ExpressionWrapper,
    F,
    IntegerField,
    Q,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, NullIf

from whitelist.models.zone import DEFAULT_REFRESH, DEFAULT_RETRY, ZoneSource, ZoneState

# What needs somebody, worst first.
TROUBLES = (ZoneState.EXPIRED, ZoneState.HELD, ZoneState.FAILING, ZoneState.STALE)


def derived_state(at: datetime) -> Case:
    """What `Zone.state(at)` says, of each zone of a query; in the same order of questions."""
    by_hand = Q(source=ZoneSource.HAND)
    expired_if_before = Value(at, DateTimeField()) - span(F("expire"))
    stale_if_before = (
        Value(at, DateTimeField())
        - span(or_default("refresh", DEFAULT_REFRESH))
        - span(or_default("retry", DEFAULT_RETRY))
    )
    return Case(
        When(by_hand & Q(loaded_at__isnull=True), then=Value(ZoneState.NEVER)),
        When(by_hand, then=Value(ZoneState.BY_HAND)),
        When(held__isnull=False, then=Value(ZoneState.HELD)),
        When(expire__gt=0, checked_at__lte=expired_if_before, then=Value(ZoneState.EXPIRED)),
        When(failing_since__isnull=False, then=Value(ZoneState.FAILING)),
        When(Q(loaded_at__isnull=True) | Q(checked_at__isnull=True), then=Value(ZoneState.NEVER)),
        When(checked_at__lt=stale_if_before, then=Value(ZoneState.STALE)),
        default=Value(ZoneState.OK),
        output_field=CharField(),
    )


def or_default(field: str, default: int) -> Coalesce:
    return Coalesce(NullIf(field, Value(0)), Value(default))


def span(seconds: Expression | F) -> Expression:
    """So many seconds as a span of time; SQLite multiplies no other kind of whole number."""
    number = Cast(seconds, IntegerField())
    second = Value(timedelta(seconds=1), DurationField())
    return ExpressionWrapper(number * second, output_field=DurationField())
