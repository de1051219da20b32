"""True time: the later of this machine's wall clock and the service's clock as it was last heard.

A relay whose wall clock is late would keep entries too long. The service tells its time with each
answer; carried on by the time since boot, which nobody sets, it shows such a clock up. A wall
clock that is ahead is believed: entries end early, which is the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from relay_agent.deadlines import Now

NEVER_HEARD = float("-inf")


@dataclass(frozen=True)
class Heard:
    """What is known of the service's clock in this boot.

    `offset`: its Unix time when this machine booted, by what it said last. `signed`: the same as
    a lower bound, by the snapshot with `issued_at` and those before it.
    """

    offset: float = NEVER_HEARD
    signed: float = NEVER_HEARD
    issued_at: int = 0

    def hear(self, time: float, sent: float, received: float) -> Heard:
        """It said `time` in answer to what was sent and received at these times since boot.

        It can have said so at any moment between the two. What was known before is kept as far as
        that agrees, so that a slow answer does not make its clock look late.
        """
        return replace(self, offset=min(max(self.offset, time - received), time - sent))

    def vouch(self, issued_at: int, boot: float) -> Heard:
        """A verified snapshot was issued at `issued_at`; it is here now, `boot` since boot.

        A service whose clock was ahead and was put right issues one with an earlier time; then
        the earlier bound falls with it.
        """
        bound = issued_at - boot
        if issued_at >= self.issued_at:
            bound = max(bound, self.signed)
        return replace(self, signed=bound, issued_at=issued_at)

    def service_time(self, boot: float) -> float:
        """The service's time at least, `boot` since boot; never heard: minus infinity."""
        return max(self.offset, self.signed) + boot

    def true(self, clocks: Now) -> Now:
        """The clocks by which entries end, from what this machine's own clocks say."""
        return clocks._replace(wall=max(clocks.wall, self.service_time(clocks.boot)))

    def clock_offset(self, clocks: Now) -> float | None:
        """Seconds by which this machine's wall clock is ahead of the service; None: not heard."""
        if self.offset == NEVER_HEARD:
            return None
        return clocks.wall - self.offset - clocks.boot
