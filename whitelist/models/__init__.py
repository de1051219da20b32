"""The nouns of the service, one file each."""

from whitelist.models.access_map import AccessMap
from whitelist.models.audit import AuditRecord
from whitelist.models.block import Block
from whitelist.models.entry import WhitelistEntry
from whitelist.models.host import Host
from whitelist.models.network import Network
from whitelist.models.relay import Relay
from whitelist.models.service_settings import ServiceSettings
from whitelist.models.zone import Zone

__all__ = [
    "AccessMap",
    "AuditRecord",
    "Block",
    "Host",
    "Network",
    "Relay",
    "ServiceSettings",
    "WhitelistEntry",
    "Zone",
]
