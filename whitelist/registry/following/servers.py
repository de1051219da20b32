"""A zone's rows of name servers and the key file → servers that can be asked."""

from __future__ import annotations

from pathlib import Path

from whitelist.models.zone import Zone, ZoneServer
from whitelist.registry.name_servers.faults import Fault, NameServerError
from whitelist.registry.name_servers.keys import Key, KeyFileError, read_keys
from whitelist.registry.name_servers.server import Server


class KeysError(Exception):
    """The key file cannot be used; the text says why and shows nothing of what is in it."""


def zone_servers(zone: Zone, keys_file: Path | None) -> tuple[list[Server], list[NameServerError]]:
    """The zone's servers in their order, and one NO_KEY each for those whose key is not there.

    The file is read again each time, so that a new key needs no restart.
    """
    usable, faults = [], []
    for row in zone.servers.all():
        try:
            usable.append(server(row, keys_file))
        except NameServerError as error:
            faults.append(error)
    return usable, faults


def server(row: ZoneServer, keys_file: Path | None) -> Server:
    """One server. Raises `NameServerError` (NO_KEY) where its key cannot be had."""
    unsigned = Server(row.address, row.port)
    if not row.key_name:
        return unsigned
    try:
        keys = known_keys(keys_file)
    except KeysError as error:
        raise NameServerError(Fault.NO_KEY, unsigned, str(error)) from error
    name = row.key_name.lower().removesuffix(".")
    if name not in keys:
        has = ", ".join(sorted(keys)) or "no key"
        detail = f"{keys_file} has no key {name}; it has {has}"
        raise NameServerError(Fault.NO_KEY, unsigned, detail)
    return Server(row.address, row.port, keys[name])


def known_keys(keys_file: Path | None) -> dict[str, Key]:
    """All keys of the file by name. Raises `KeysError`."""
    if keys_file is None:
        raise KeysError("DNS_KEYS_FILE is not set")
    try:
        return read_keys(keys_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeysError(f"cannot read {keys_file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise KeysError(f"{keys_file} is not UTF-8") from error
    except KeyFileError as error:
        raise KeysError(f"{keys_file}, {error}") from error
