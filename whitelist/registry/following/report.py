"""How an attempt went, in one line of English: for the log and the command line."""

from __future__ import annotations

from django.utils import translation

from whitelist.models.sync_run import HoldReason, SyncMethod, SyncOutcome, SyncRun
from whitelist.registry.following.fault_words import words

BY = {
    SyncMethod.SOA: "by its serial",
    SyncMethod.FULL: "by full transfer",
    SyncMethod.INCREMENTAL: "by incremental transfer",
    SyncMethod.FILE: "from its file",
}
HELD_SO = "release or drop it in the admin, or mend it at its source"


def report(run: SyncRun) -> str:
    """`ZONE: OUTCOME …`, and what to do where something is to be done."""
    with translation.override("en"):
        return f"{run.zone}: {run.outcome} {outcome(run)}"


def outcome(run: SyncRun) -> str:
    if run.outcome == SyncOutcome.FAILED:
        said = words(run.fault)
        return f"({run.fault}): {run.fault_detail}. {said.what} {said.to_do}"
    how = BY[SyncMethod(run.method)] + (f" from {run.server}" if run.server else "")
    text = f"{how}: {serials(run)}{numbers(run)}"
    if run.outcome == SyncOutcome.HELD:
        return f"{text}. {HoldReason(run.hold_reason).label}: {HELD_SO}"
    return text


def serials(run: SyncRun) -> str:
    before, after = run.serial_before, run.serial_after
    if after is None:
        return ""
    return f"serial {after}, " if before in {after, None} else f"serial {before} to {after}, "


def numbers(run: SyncRun) -> str:
    if run.method == SyncMethod.SOA and run.outcome == SyncOutcome.UNCHANGED:
        return "nothing new"
    text = f"{run.added:,} added, {run.removed:,} removed"
    if run.outcome != SyncOutcome.HELD:
        text += f", {run.unchanged:,} unchanged"
    left_out = sum(run.left_out.values())
    return text + (f", {left_out:,} left out" if left_out else "")
