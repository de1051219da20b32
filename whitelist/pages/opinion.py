"""What the page says of the name servers' own answer, and asking for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest
from django.utils.translation import gettext as _

from whitelist.models import LiveAnswer
from whitelist.models.registration import LiveVerdict
from whitelist.pages.state import PageState
from whitelist.registry.second_opinion import request_opinion
from whitelist.rules import Reason
from whitelist.templatetags.whitelist_times import local_clock

ASKED_FOR = {Reason.NO_NAME, Reason.NEEDS_FORWARD, Reason.NEEDS_REVERSE, Reason.MALFORMED}
# An answer takes two seconds; a question that is older was lost.
ANSWERED_WITHIN = timedelta(seconds=20)


@dataclass(frozen=True)
class Opinion:
    """The name servers' own answer, in words; `is_heard`: they have it, so waiting will do."""

    text: str
    is_heard: bool


def opinion_of_servers(request: HttpRequest, state: PageState) -> Opinion | None:
    """What is known of the name servers' own answer; a look at the page has them asked."""
    if request.method != "GET" or state.reason not in ASKED_FOR:
        return None
    situation = state.situation
    answer = request_opinion(situation.address, situation.at)
    text = words(answer, is_late=situation.at - answer.asked_at > ANSWERED_WITHIN)
    return Opinion(text, answer.verdict == LiveVerdict.REGISTERED)


def words(answer: LiveAnswer, *, is_late: bool) -> str:
    if answer.verdict == LiveVerdict.ASKED and not is_late:
        return _("We are asking the name servers themselves; look again in a few seconds.")
    if answer.answered_at is None or answer.verdict == LiveVerdict.UNKNOWN:
        return _("The name servers themselves could not be asked. What we last read of them holds.")
    asked = {"time": local_clock(answer.answered_at)}
    if answer.verdict == LiveVerdict.REGISTERED:
        return (
            _(
                "Asked at %(time)s, the name servers themselves have it. We are reading their zones"
                " again; look again in a few seconds."
            )
            % asked
        )
    return _("Asked at %(time)s, the name servers themselves do not have it either.") % asked
