"""Whether a relay has installed what it was sent."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, cast

from relay_agent.snapshot import Limits
from whitelist.models.relay import Relay
from whitelist.relay_map.signing_key import SigningKeyError
from whitelist.relay_map.snapshot import Issue, current_edition, issuer

# A relay takes out what lapses: by its own clock, and reports it some seconds later.
EARLY = 3
LATE = 30


def has_another_digest(relay: Relay, at: datetime) -> bool | None:
    """Compare what it reports with the newest issue; None where it reports an older one.

    `relay` is a row of `with_wanted`. Of equal editions every process makes equal entries, and
    whatever lapsed around its report may be in its table, or not.
    """
    if relay.issued_at is None or not relay.is_remote or relay.reported_at is None:
        return None
    wanted = cast(Any, relay)
    limits = Limits(per_hour=wanted.per_hour, per_day=wanted.per_day)
    try:
        edition = current_edition(wanted.wanted_serial, limits, at)
        if (relay.installed_serial, int(relay.issued_at.timestamp())) != (
            edition.serial,
            edition.issued_at,
        ):
            return None
        issue = issuer.issue(edition)
    except SigningKeyError:
        return None
    if issue.edition != edition:
        return None
    return relay.installed_digest not in digests(issue, relay.reported_at.timestamp())


def digests(issue: Issue, reported_at: float) -> set[str]:
    """The digests of its entries at each moment around the report, and of all of them."""
    lines = [(int(value), b"%s\t%s\n" % (key, value)) for key, value in issue.records.items()]
    begin, end = reported_at - LATE, reported_at + EARLY
    cuts = {0.0, begin, *(expiry for expiry, _line in lines if begin < expiry <= end)}
    return {
        hashlib.sha256(b"".join(line for expiry, line in lines if expiry > cut)).hexdigest()
        for cut in cuts
    }
