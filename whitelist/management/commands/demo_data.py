"""`manage.py demo_data`: a small believable campus to click through."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from portal_auth.identity import PortalIdentity
from portal_auth.issuers import SIMULATOR_PATH
from portal_auth.simulator.people import PEOPLE
from whitelist.addresses import parse_address
from whitelist.audit import SYSTEM, member
from whitelist.blocks import do_block
from whitelist.entries import do_end_due_entries, do_end_entry, do_open_entry
from whitelist.management.base import DatabaseCommand
from whitelist.models.alternative import Alternative
from whitelist.models.announcement import Announcement, AnnouncementPages
from whitelist.models.block import Block
from whitelist.models.entry import EndReason, WhitelistEntry
from whitelist.models.host import Host
from whitelist.models.menu import MenuService
from whitelist.models.network import Network
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.zone import ZoneKind
from whitelist.registry.applying.apply import Source, do_apply_hosts
from whitelist.registry.networks import do_apply_networks
from whitelist.registry.sources.csv_file import read_hosts, read_networks
from whitelist.registry.sources.zone_file import ZoneFile
from whitelist.service import do_change_settings, do_save_text

DEMO = Path(__file__).resolve().parents[2] / "demo"
SAMPLE_SETTINGS = {
    "name_suffixes": "nthu.edu.tw",
    "contact_phone": "03-571-5131 #31000",
    "contact_email": "helpdesk@example.edu.tw",
    "contact_hours_zh": "週一至週五 08:30–17:00",
    "contact_hours_en": "Monday to Friday, 08:30–17:00",
}
# Where the menu's services and the alternatives of these names lead to.
SAMPLE_ADDRESSES = {
    "Newsletter service": "https://newsletter.example.edu.tw/",
    "NTHU Message Announcement System": "https://announce.example.edu.tw/",
    "Mail account lookup": "https://mail.example.edu.tw/account",
    "IP registration lookup": "https://ip.example.edu.tw/",
    "Domain name request": "https://ip.example.edu.tw/names",
    "Guest accounts": "https://wifi.example.edu.tw/guests",
    "Block status": "https://security.example.edu.tw/blocked",
}


class Command(DatabaseCommand):
    help = (
        "Load a small demonstration campus: networks, registered names, contacts, a menu, a"
        " block and a little history. The loopback addresses of this machine are part of it, so"
        " that a browser here is a registered computer. Does nothing where networks are loaded"
        " already. Refuses unless PORTAL_SIMULATOR or DEBUG is on."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not (settings.PORTAL_SIMULATOR or settings.DEBUG):
            raise CommandError("demo_data: only where PORTAL_SIMULATOR or DEBUG is on")
        if Network.objects.exists():
            self.stdout.write("demo_data: networks are loaded already, nothing changed")
            return
        self.stdout.write(f"demo_data: loaded {load_campus(timezone.now())}")


@transaction.atomic
def load_campus(at: datetime) -> str:
    """Load everything; what was loaded, in words."""
    with (DEMO / "networks.csv").open("rb") as file:
        do_apply_networks(read_networks(file), actor=SYSTEM, at=at)
    with (DEMO / "hosts.csv").open("rb") as file:
        do_apply_hosts(Source("csv", ZoneKind.LIST), read_hosts(file), actor=SYSTEM, at=at)
    for path in sorted(DEMO.glob("*.zone")):
        load_zone(path, at)
    fill_settings(at)
    fill_menu(at)
    announce(at)
    suspend_one_address(at)
    write_history(at)
    return (
        f"{Network.objects.count()} networks, {Host.objects.count()} hosts,"
        f" {Block.objects.count()} block, {WhitelistEntry.objects.count()} past entries"
    )


def load_zone(path: Path, at: datetime) -> None:
    with path.open("rb") as file:
        zone = ZoneFile(file)
        outline = zone.outline
        source = Source(outline.apex, outline.kind, serial=outline.serial, cuts=outline.cuts)
        do_apply_hosts(source, zone.hosts(), actor=SYSTEM, at=at, omissions=zone.omissions)


def fill_settings(at: datetime) -> None:
    """Sample contacts where staff have entered none."""
    current = ServiceSettings.load()
    changes = {name: text for name, text in SAMPLE_SETTINGS.items() if not getattr(current, name)}
    do_change_settings(changes, actor=SYSTEM, at=at, reason="demo_data")


def fill_menu(at: datetime) -> None:
    """Sample addresses where staff have entered none; what leads somewhere is shown."""
    for row in [*MenuService.objects.filter(page="", url=""), *Alternative.objects.filter(url="")]:
        if row.name_en in SAMPLE_ADDRESSES:
            row.url, row.is_shown = SAMPLE_ADDRESSES[row.name_en], True
            do_save_text(row, actor=SYSTEM, at=at)


def announce(at: datetime) -> None:
    announcement = Announcement(
        text_zh="這是示範環境：網路、名稱與連結都是範例。",
        text_en="This is a demonstration: its networks, names and links are samples.",
        pages=AnnouncementPages.HOME,
        since=at,
    )
    do_save_text(announcement, actor=SYSTEM, at=at)


def suspend_one_address(at: datetime) -> None:
    block = Block(
        kind="address",
        subject="127.0.5.5",
        case_number="SEC-2026-0311",
        reason="Demonstration: sent spam on 2026-11-20",
        message_zh="此電腦曾大量發送垃圾信，請聯絡資安組處理。",
        message_en="This computer sent spam. Please contact the security team.",
    )
    do_block(block, actor=SYSTEM, at=at)


def write_history(at: datetime) -> None:
    """Entries of the last days by one person of the simulator: ended on time, and by hand."""
    if WhitelistEntry.objects.exists():
        return
    person = demo_person(at)
    for days, address in ((6, "140.114.64.154"), (3, "140.114.64.200"), (1, "140.114.71.101")):
        opened = at - timedelta(days=days, hours=2)
        entry = do_open_entry(applicant=person, address=parse_address(address), at=opened)
        if days == 3:
            end = opened + timedelta(minutes=17)
            do_end_entry(entry, actor=member(person), reason=EndReason.OWNER, at=end)
    do_end_due_entries(at)


def demo_person(at: datetime) -> PortalIdentity:
    """A member of staff whom the portal simulator can sign in, so that the history is seen."""
    account = PEOPLE["wang"].member
    return PortalIdentity(
        issuer=settings.BASE_URL + SIMULATOR_PATH.rstrip("/"),
        subject=account.subject,
        role=account.role,
        status=account.status,
        signed_in_at=at,
        name=account.name,
        unit=account.unit,
    )
