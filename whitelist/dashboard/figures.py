"""What the dashboard asks of the database; every answer is small, however many rows there are.

Requests are counted in the audit: it has refusals and extensions too, and an index by time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Min,
    Q,
    Subquery,
    Sum,
    Window,
)
from django.db.models.functions import RowNumber, Trunc, TruncHour

from whitelist.dashboard.periods import DAY, HOUR, Period
from whitelist.models.audit import AuditAction, AuditRecord
from whitelist.models.entry import WhitelistEntry
from whitelist.models.network import Network
from whitelist.models.sent_count import SentCount
from whitelist.models.zone import Zone
from whitelist.registry.following.zone_states import derived_state

APPROVED = (AuditAction.OPENED, AuditAction.EXTENDED)
REQUESTS = (*APPROVED, AuditAction.REFUSED)
# An entry that has not taken effect after so long is stuck; members are told so, too.
SLOW = timedelta(minutes=2)
PERCENTILES = (50, 95)
MOST_REASONS, TOP = 8, 6
SECOND = timedelta(seconds=1)
# More addresses than this are not told apart by network; a campus's /16 has sixteen times as many.
MOST = 4096


@dataclass(frozen=True)
class EntriesNow:
    """`oldest`: since when the entry waits that waits longest; `slow`: how many are stuck."""

    active: int
    applying: int
    units: int
    slow: int
    oldest: datetime | None


@dataclass(frozen=True)
class Today:
    """Requests since local midnight; `usual`: by this time of a day, mean of the last seven.

    `week` and `week_refused` are of the seven days before today, whole.
    """

    requests: int
    refused: int
    usual: float
    week: int
    week_refused: int


@dataclass(frozen=True)
class Counts:
    """What happened in an hour, or in a slot of a period."""

    approved: int = 0
    refused: int = 0
    opened: int = 0
    ended: int = 0


@dataclass(frozen=True)
class UnitUse:
    """`messages` is None where no relay has told of any."""

    unit: str
    requests: int
    messages: int | None


def entries_now(at: datetime) -> EntriesNow:
    waits = Q(effective_at__isnull=True)
    return EntriesNow(
        **WhitelistEntry.objects.active(at).aggregate(
            active=Count("pk"),
            applying=Count("pk", filter=waits),
            units=Count("unit", distinct=True),
            slow=Count("pk", filter=waits & Q(opened_at__lte=at - SLOW)),
            oldest=Min("opened_at", filter=waits),
        )
    )


def today(now: datetime) -> Today:
    """`now` is local: its midnight begins the day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    usual = Q(pk__in=())
    for back in range(1, 8):
        usual |= Q(at__gte=midnight - back * DAY, at__lte=now - back * DAY)
    is_today, is_refused = Q(at__gte=midnight), Q(action=AuditAction.REFUSED)
    rows = AuditRecord.objects.filter(action__in=REQUESTS, at__gte=midnight - 7 * DAY, at__lte=now)
    counts = rows.aggregate(
        requests=Count("pk", filter=is_today),
        refused=Count("pk", filter=is_today & is_refused),
        usual=Count("pk", filter=usual),
        week=Count("pk", filter=~is_today),
        week_refused=Count("pk", filter=~is_today & is_refused),
    )
    return Today(**{**counts, "usual": counts["usual"] / 7})


def records(period: Period, *actions: AuditAction) -> Any:
    """Audit records of these actions in the period, in no order."""
    rows = AuditRecord.objects.filter(at__gte=period.start, at__lte=period.now)
    return rows.filter(action__in=actions).order_by()


def by_hour(period: Period) -> dict[datetime, Counts]:
    """By the beginnings of hours (UTC), those in which something happened."""
    rows = records(period, *REQUESTS, AuditAction.ENDED)
    counts = (
        rows.annotate(hour=TruncHour("at", tzinfo=UTC))
        .values("hour")
        .annotate(
            approved=Count("pk", filter=Q(action__in=APPROVED)),
            refused=Count("pk", filter=Q(action=AuditAction.REFUSED)),
            opened=Count("pk", filter=Q(action=AuditAction.OPENED)),
            ended=Count("pk", filter=Q(action=AuditAction.ENDED)),
        )
    )
    return {row.pop("hour"): Counts(**row) for row in counts}


def requests(period: Period, hours: dict[datetime, Counts]) -> list[tuple[int, int]]:
    """Approved and refused ones, for each slot of the period."""
    found = [(0, 0)] * len(period.marks)
    for hour, counts in hours.items():
        number = period.number_of(hour)
        approved, refused = found[number]
        found[number] = approved + counts.approved, refused + counts.refused
    return found


def most_active(period: Period, hours: dict[datetime, Counts], now_active: int) -> list[int]:
    """For each slot how many entries were active at most, looked at by the hour.

    Counted backwards from how many there are now: an index finds what was opened and ended
    since, and nothing does what was active at a time in the past.
    """
    changes = {hour: counts.ended - counts.opened for hour, counts in hours.items()}
    # Lapsed, and closed by nobody yet: the audit does not know of their end.
    due = WhitelistEntry.objects.due(period.now).values_list("expires_at", flat=True)
    for lapsed in due[:MOST]:
        hour = lapsed.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        changes[hour] = changes.get(hour, 0) + 1
    return peaks(period, now_active, changes)


def peaks(period: Period, now_active: int, changes: dict[datetime, int]) -> list[int]:
    """`changes`: by how many there were more at an hour's beginning than at its end."""
    found = [0] * len(period.marks)
    found[-1] = number = now_active
    hour = period.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour >= period.start - HOUR:
        number = max(0, number + changes.get(hour, 0))
        # An hour's beginning is the end of the one before it, too.
        for slot in {period.number_of(hour), period.number_of(hour - SECOND)}:
            found[slot] = max(found[slot], number)
        hour -= HOUR
    return found


def refusals(period: Period) -> list[tuple[str, int]]:
    """Reasons (values of `rules.Reason`) with how often, the most frequent first."""
    rows = records(period, AuditAction.REFUSED).values("reason").annotate(count=Count("pk"))
    found = rows.order_by("-count", "reason").values_list("reason", "count")
    return list(found[:MOST_REASONS])


def seconds_to_effect(period: Period) -> list[dict[int, float]]:
    """For each slot the seconds below which 50 and 95 of a hundred entries took effect.

    Of entries opened in the slot, an hour or a day, that took effect at all; empty where there
    was none. The database ranks them and answers with the rows at these ranks alone.
    """
    took = F("entry__effective_at") - F("entry__opened_at")
    rows = records(period, AuditAction.OPENED).filter(entry__effective_at__isnull=False)
    unit = "day" if period.slot == DAY else "hour"
    ranked = rows.annotate(
        slot=Trunc("at", unit, tzinfo=period.now.tzinfo),
        took=ExpressionWrapper(took, output_field=DurationField()),
    ).annotate(
        rank=Window(RowNumber(), partition_by="slot", order_by="took"),
        of=Window(Count("pk"), partition_by="slot"),
    )
    wanted = [(F("of") * percent + 99) / 100 for percent in PERCENTILES]
    at_ranks = ranked.filter(Q(rank=wanted[0]) | Q(rank=wanted[1]))
    found: list[dict[int, float]] = [{} for _mark in period.marks]
    for slot, span, rank, of in at_ranks.values_list("slot", "took", "rank", "of"):
        for percent in PERCENTILES:
            if rank == (of * percent + 99) // 100:
                found[period.number_of(slot)][percent] = max(0.0, span.total_seconds())
    return found


def top_units(period: Period) -> list[UnitUse]:
    """The units with most requests that were granted, and what was sent under their entries."""
    rows = records(period, *APPROVED).exclude(entry__unit="").values("entry__unit")
    counts = rows.annotate(requests=Count("pk")).order_by("-requests", "entry__unit")
    top = list(counts[:TOP].values_list("entry__unit", "requests"))
    sent = messages_of([unit for unit, _number in top], period) if top else {}
    return [UnitUse(unit, number, sent.get(unit)) for unit, number in top]


def messages_of(units: list[str], period: Period) -> dict[str, int]:
    """By unit; one of which no relay has told is missing. Keys of entries rise with time."""
    first = records(period, AuditAction.OPENED).order_by("at", "entry").values("entry")[:1]
    rows = SentCount.objects.filter(entry__gte=Subquery(first), entry__unit__in=units)
    sums = rows.order_by().values("entry__unit").annotate(number=Sum("messages"))
    return {unit: int(number) for unit, number in sums.values_list("entry__unit", "number")}


def uses_by_address(period: Period) -> list[tuple[str, int, int]]:
    """Addresses with their requests, and how many of these were refused; the busiest."""
    rows = records(period, *REQUESTS).filter(address__isnull=False).values("address")
    counts = rows.annotate(
        requests=Count("pk"), refused=Count("pk", filter=Q(action=AuditAction.REFUSED))
    )
    busiest = counts.order_by("-requests", "address")[:MOST]
    return list(busiest.values_list("address", "requests", "refused"))


def all_networks() -> list[tuple[int, str, str, str, str]]:
    """(key, CIDR, unit, lo, hi) by their first address, wider ones first."""
    rows = Network.objects.order_by("lo", "prefixlen")
    return list(rows.values_list("pk", "cidr", "unit", "lo", "hi"))


def zones_by_state(at: datetime) -> dict[str, dict[str, Any]]:
    """Of followed zones in each state: how many, the first of them, the oldest confirmation."""
    followed = Zone.objects.followed().annotate(is_in=derived_state(at)).order_by()
    counts = followed.values("is_in").annotate(
        zones=Count("pk"), first=Min("pk"), name=Min("name"), oldest=Min("checked_at")
    )
    return {row["is_in"]: dict(row) for row in counts}
