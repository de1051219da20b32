"""Whether what makes entries take effect runs: relays, map, worker, beat."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_celery_beat.models import PeriodicTask

from whitelist.admin_display import admin_url, ago, local
from whitelist.dashboard.campus import Campus
from whitelist.dashboard.line import LOOK, STANDS_STILL, URGENT, Line
from whitelist.models import AccessMap, Relay, ServiceSettings, WhitelistEntry
from whitelist.models.relay import RelayState

MOST_COUNTED = 1000


def the_relays(campus: Campus) -> Iterator[Line]:
    if not campus.relays:
        note = _("no entry can take effect")
        yield Line(URGENT, _("No relay counts"), admin_url(Relay, "changelist"), note)
    for relay in campus.relays:
        told = relay_trouble(relay, campus)
        if told:
            tone, what, note = told
            name = {"relay": relay.name}
            yield Line(tone, what % name, admin_url(Relay, "change", relay.pk), note)


def relay_trouble(relay: Relay, campus: Campus) -> tuple[str, str, str] | None:
    """How grave, the words (with a place for the relay's name), and a note; None if it is well."""
    state = relay.state(campus.access_map.serial, campus.at, campus.settings.relay_silence)
    heard = _("last report %(ago)s") % {"ago": ago(relay.reported_at, campus.at)}
    if relay.is_silent(campus.at, campus.settings.relay_silence):
        return URGENT, _("Relay %(relay)s is silent"), heard
    if state is RelayState.ERROR:
        return URGENT, _("Relay %(relay)s reports an error"), relay.last_error.splitlines()[0][:200]
    if state is RelayState.NEVER:
        return LOOK, _("Relay %(relay)s has never reported"), ""
    if state is RelayState.BEHIND and campus.is_late(relay.installed_serial):
        behind = campus.access_map.serial - relay.installed_serial
        note = ngettext("%(count)d change behind", "%(count)d changes behind", behind)
        return URGENT, _("Relay %(relay)s does not keep up"), note % {"count": behind}
    if relay.is_clock_off():
        offset = _("%(seconds)s seconds off") % {"seconds": f"{relay.clock_offset or 0:+.1f}"}
        return LOOK, _("The clock of relay %(relay)s is wrong"), offset
    return None


def the_map(campus: Campus) -> Iterator[Line]:
    row = campus.access_map
    if campus.is_late(row.published_serial):
        note = _("last published %(ago)s; do worker and beat run?") % {
            "ago": ago(row.published_at, campus.at)
        }
        yield Line(
            URGENT,
            _("The map is not published"),
            admin_url(AccessMap, "change", row.pk),
            note,
        )


def stuck_entries(campus: Campus) -> Iterator[Line]:
    if not campus.entries.slow:
        return
    what = ngettext(
        "%(count)d entry has been applying for more than 2 minutes",
        "%(count)d entries have been applying for more than 2 minutes",
        campus.entries.slow,
    )
    note = _("the oldest: requested %(ago)s") % {"ago": ago(campus.entries.oldest, campus.at)}
    url = f"{admin_url(WhitelistEntry, 'changelist')}?state=applying"
    yield Line(URGENT, what % {"count": campus.entries.slow}, url, note)


def unclosed_entries(campus: Campus) -> Iterator[Line]:
    lapsed = WhitelistEntry.objects.due(campus.at - STANDS_STILL)
    count = lapsed[:MOST_COUNTED].count()
    if count:
        what = ngettext(
            "%(count)d lapsed entry is not closed",
            "%(count)d lapsed entries are not closed",
            count,
        )
        url = f"{admin_url(WhitelistEntry, 'changelist')}?ended_at__isnull=True&state=ended"
        yield Line(LOOK, what % {"count": count}, url, _("do worker and beat run?"))


def the_schedules(campus: Campus) -> Iterator[Line]:
    enabled = PeriodicTask.objects.filter(enabled=True)
    tasks = enabled.aggregate(number=Count("pk"), last=Max("last_run_at"))
    url = admin_url(PeriodicTask, "changelist")
    if not tasks["number"]:
        yield Line(URGENT, _("No scheduled task is enabled"), url)
    elif tasks["last"] is None or campus.at - tasks["last"] > STANDS_STILL:
        note = _("last sent %(ago)s; does beat run?") % {"ago": ago(tasks["last"], campus.at)}
        yield Line(URGENT, _("Scheduled tasks are not sent"), url, note)


def the_pause(campus: Campus) -> Iterator[Line]:
    row = campus.settings
    if row.is_paused(campus.at):
        until = {"time": local(row.paused_until, seconds=False)}
        note = _("until %(time)s") % until if row.paused_until else _("until resumed")
        url = admin_url(ServiceSettings, "change", row.pk)
        yield Line(LOOK, _("The service is paused"), url, note)
