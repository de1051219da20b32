"""Confirmation links: asked for on the page, sent by e-mail, good once, at the same address.

The third way in, for who can neither see nor hear the verification code. It proves as much as
the code does, that a person is there; all the rules are asked when the link is used.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from portal_auth.identity import PortalIdentity
from whitelist import audit, notices
from whitelist.addresses import IPAddress
from whitelist.entries import do_open_entry
from whitelist.models import ConfirmationLink, Notice, ServiceSettings, WhitelistEntry
from whitelist.models.audit import AuditAction
from whitelist.rules import RefusedError

KIND = "confirmation"
HOUR = timedelta(hours=1)
# A second click is no second wish.
SAME_WISH = timedelta(seconds=30)


class LinkGoneError(Exception):
    """No such link, or it was used, or its time is over."""


class LinkOfAnotherError(Exception):
    """The link was sent to somebody else."""


class LinkElsewhereError(Exception):
    """The link is for another address, `link.address`, than where it was opened."""

    def __init__(self, link: ConfirmationLink) -> None:
        super().__init__(link.address)
        self.link = link


class TooManyLinksError(Exception):
    """The person has had as many letters as one may have in an hour; the next one at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until.isoformat())
        self.until = until


@transaction.atomic
def do_send_link(
    *,
    applicant: PortalIdentity,
    address: IPAddress,
    at: datetime,
    language: str,
    wants_letters: bool = False,
) -> ConfirmationLink:
    """Write the letter with a link for this person at this address; a worker delivers it.

    The applicant's e-mail address must be known; `wants_letters` is for the entry. Where a link
    was asked for a moment ago, that one stands and no other is written. Raises
    `TooManyLinksError`.
    """
    # One at a time: of many requests at once none counts too few letters.
    ServiceSettings.objects.select_for_update().get()
    waiting = waiting_link(applicant, address, at)
    if waiting is not None and at - waiting.requested_at < SAME_WISH:
        return waiting
    key = matter(applicant)
    check_not_too_many(key, at)
    token = secrets.token_urlsafe(32)
    link = ConfirmationLink.objects.create(
        digest=digest(token),
        issuer=applicant.issuer,
        subject=applicant.subject,
        address=str(address),
        wants_letters=wants_letters,
        requested_at=at,
        expires_at=at + timedelta(minutes=settings.CONFIRMATION_LINK_MINUTES),
    )
    notices.tell_person(
        applicant.email,
        KIND,
        {"link": link, "token": token, "minutes": settings.CONFIRMATION_LINK_MINUTES},
        language=language,
        at=at,
        key=key,
        useful_until=link.expires_at,
    )
    audit.record(AuditAction.LINK_SENT, actor=audit.member(applicant), at=at, address=address)
    return link


def check_not_too_many(key: str, at: datetime) -> None:
    """Letters are counted, not links: a used one was a letter, too. Raises `TooManyLinksError`."""
    limit = settings.CONFIRMATION_LINKS_PER_HOUR
    sent = Notice.objects.filter(key=key, written_at__gt=at - HOUR).order_by("-written_at")
    last = list(sent.values_list("written_at", flat=True)[:limit])
    if len(last) == limit:
        raise TooManyLinksError(last[-1] + HOUR)


def matter(applicant: PortalIdentity) -> str:
    """Names the person's letters, whatever is in the names of portal and account."""
    person = "\n".join(applicant.key)
    return f"{KIND}:{digest(person)}"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def waiting_link(
    applicant: PortalIdentity, address: IPAddress, at: datetime
) -> ConfirmationLink | None:
    """The latest link of this person at this address that can still be used."""
    links = ConfirmationLink.objects.good(at).of_person(*applicant.key)
    return links.filter(address=str(address)).first()


def check_link(
    token: str, *, applicant: PortalIdentity, address: IPAddress, at: datetime
) -> ConfirmationLink:
    """The link, if it is for this person at this address; looking does not use it up.

    Raises `LinkGoneError`, `LinkOfAnotherError` or `LinkElsewhereError`.
    """
    link = ConfirmationLink.objects.good(at).filter(digest=digest(token)).first()
    if link is None:
        raise LinkGoneError
    if (link.issuer, link.subject) != applicant.key:
        raise LinkOfAnotherError
    if link.address != str(address):
        raise LinkElsewhereError(link)
    return link


def do_open_by_link(
    token: str, *, applicant: PortalIdentity, address: IPAddress, at: datetime, language: str
) -> WhitelistEntry:
    """Open the entry, through all the rules. Opened or refused, the link is used up.

    Raises what `check_link` does, and `RefusedError`.
    """
    link = check_link(token, applicant=applicant, address=address, at=at)
    with transaction.atomic():
        # The DELETE is the lock: of many attempts at once only the one that deleted the row counts.
        deleted, _rows = ConfirmationLink.objects.filter(pk=link.pk).delete()
        if deleted != 1:
            raise LinkGoneError
        try:
            entry = do_open_entry(
                applicant=applicant,
                address=address,
                at=at,
                language=language,
                wants_letters=link.wants_letters,
            )
        except RefusedError as error:
            refused = error  # its audit record, and the use of the link, are kept
        else:
            actor = audit.member(applicant)
            audit.record(AuditAction.LINK_USED, actor=actor, at=at, entry=entry)
            return entry
    raise refused
