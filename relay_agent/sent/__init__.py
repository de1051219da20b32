"""What whitelisted addresses sent, counted from Postfix's log."""

from relay_agent.sent.follow_log import JournalFollower, LogFollower, log_follower
from relay_agent.sent.tally import Sent, Tally

__all__ = ["JournalFollower", "LogFollower", "Sent", "Tally", "log_follower"]
