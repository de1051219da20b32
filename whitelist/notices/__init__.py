"""E-mail to members and staff, by way of the database: what is told is never lost or untrue.

A letter is a row, written in the transaction of what it tells: rolled back with it, delivered
after it. Delivery is a worker's, see `whitelist.notices.delivery`.
"""

from whitelist.notices.telling import tell_owner, tell_person, tell_staff

__all__ = ["tell_owner", "tell_person", "tell_staff"]
