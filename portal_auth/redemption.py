"""A ticket works once, also with fifty requests at the same moment."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from portal_auth.errors import PortalCheckFailed, Refusal
from portal_auth.models import RedeemedTicket
from portal_auth.tickets import Ticket


def check_unused(ticket: Ticket) -> None:
    """Raises `PortalCheckFailed` (-3) if the ticket was used. Decides nothing: `do_redeem` does."""
    if RedeemedTicket.objects.filter(issuer=ticket.identity.issuer, jti=ticket.jti).exists():
        raise used(ticket)


def do_redeem(ticket: Ticket, *, client_address: str, at: datetime) -> RedeemedTicket:
    """Use the ticket up. The insert is the lock: it either is the first or is refused.

    Raises `PortalCheckFailed` (-3). May run within a transaction of the caller.
    """
    try:
        with transaction.atomic():
            return RedeemedTicket.objects.create(
                issuer=ticket.identity.issuer,
                jti=ticket.jti,
                subject=ticket.identity.subject,
                client_address=client_address,
                redeemed_at=at,
                expires_at=ticket.expires_at,
            )
    except IntegrityError as error:
        raise used(ticket) from error


def do_purge_redeemed_tickets(at: datetime) -> int:
    """Forget tickets that expired longer ago than `RETENTION`; how many went."""
    count, _ = RedeemedTicket.objects.purgeable(at).delete()
    return count


def used(ticket: Ticket) -> PortalCheckFailed:
    return PortalCheckFailed(
        Refusal.TOO_OLD_OR_USED, "the ticket was used", issuer=ticket.identity.issuer
    )
