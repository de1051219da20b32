"""The nouns of the service, one file each, or a few that belong together."""

from whitelist.models.access_map import AccessMap
from whitelist.models.alternative import Alternative
from whitelist.models.announcement import Announcement
from whitelist.models.audit import AuditRecord
from whitelist.models.block import Block
from whitelist.models.confirmation_link import ConfirmationLink
from whitelist.models.entry import WhitelistEntry
from whitelist.models.host import Host, HostChange, OmittedRecord
from whitelist.models.menu import MenuGroup, MenuService
from whitelist.models.network import Network
from whitelist.models.notice import Notice
from whitelist.models.registration import LiveAnswer, RegistrationOverride
from whitelist.models.relay import Relay
from whitelist.models.sent_count import SentCount
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.sync_run import HeldTransfer, SyncRun
from whitelist.models.unit_membership import UnitMembership
from whitelist.models.zone import Zone, ZoneServer

__all__ = [
    "AccessMap",
    "Alternative",
    "Announcement",
    "AuditRecord",
    "Block",
    "ConfirmationLink",
    "HeldTransfer",
    "Host",
    "HostChange",
    "LiveAnswer",
    "MenuGroup",
    "MenuService",
    "Network",
    "Notice",
    "OmittedRecord",
    "RegistrationOverride",
    "Relay",
    "SentCount",
    "ServiceSettings",
    "SyncRun",
    "UnitMembership",
    "WhitelistEntry",
    "Zone",
    "ZoneServer",
]
