"""The policy service: Postfix asks at each recipient, and is answered from the verified snapshot.

On doubt it says DUNNO: no exemption, and never an error to mail.
"""

from relay_agent.policy.judge import View
from relay_agent.policy.server import PolicyServer

__all__ = ["PolicyServer", "View"]
