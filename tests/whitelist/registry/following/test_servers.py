"""Rows of name servers and the key file: what can be asked, and what is said where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.zones import Key, key_file
from whitelist.models.zone import Zone, ZoneKind, ZoneServer, ZoneSource
from whitelist.registry.following.servers import KeysError, known_keys, zone_servers
from whitelist.registry.name_servers.faults import Fault
from whitelist.registry.name_servers.server import Server

pytestmark = pytest.mark.django_db

KEY = Key("transfer.ee")


@pytest.fixture
def zone() -> Zone:
    return Zone.objects.create(
        name="ee.nthu.edu.tw", kind=ZoneKind.FORWARD, source=ZoneSource.SERVERS
    )


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    file = tmp_path / "transfer.key"
    file.write_text(key_file(KEY))
    return file


def add(zone: Zone, address: str, key: str = "", **fields: int) -> ZoneServer:
    return ZoneServer.objects.create(zone=zone, address=address, key_name=key, **fields)


def test_servers_come_in_their_order(zone: Zone) -> None:
    add(zone, "192.0.2.1", position=2)
    add(zone, "2001:db8::1", position=1, port=5300)
    servers, faults = zone_servers(zone, None)
    assert servers == [Server("2001:db8::1", 5300), Server("192.0.2.1", 53)]
    assert faults == []


@pytest.mark.parametrize("name", ["transfer.ee", "Transfer.EE."])
def test_a_key_is_found_by_its_name_however_it_is_written(
    zone: Zone, keys_file: Path, name: str
) -> None:
    add(zone, "192.0.2.1", name)
    [server], faults = zone_servers(zone, keys_file)
    assert server.key is not None
    assert (server.key.name, server.key.algorithm) == ("transfer.ee", "hmac-sha256")
    assert faults == []


def test_a_server_without_a_key_needs_no_key_file(zone: Zone, tmp_path: Path) -> None:
    add(zone, "192.0.2.1")
    assert zone_servers(zone, tmp_path / "not there") == ([Server("192.0.2.1")], [])


def test_a_new_key_needs_no_restart(zone: Zone, keys_file: Path) -> None:
    add(zone, "192.0.2.1", "another")
    assert zone_servers(zone, keys_file)[0] == []
    keys_file.write_text(key_file(KEY, Key("another")))
    assert len(zone_servers(zone, keys_file)[0]) == 1


def test_a_key_that_is_not_there_leaves_the_other_servers_usable(
    zone: Zone, keys_file: Path
) -> None:
    add(zone, "192.0.2.1", "lost")
    add(zone, "192.0.2.2", "transfer.ee")
    servers, [error] = zone_servers(zone, keys_file)
    assert [server.address for server in servers] == ["192.0.2.2"]
    assert error.fault == Fault.NO_KEY
    assert error.server.address == "192.0.2.1"
    assert "has no key lost; it has transfer.ee" in error.detail


def latin_1(file: Path) -> None:
    file.write_bytes("# clé\n".encode("latin-1"))


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


SECRET = "c2VjcmV0IHdvcmQ="


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "No such file"),
        (folder, "Is a directory"),
        (latin_1, "is not UTF-8"),
        (lambda file: file.write_text(f'key "a" {{ secret "{SECRET}"; }}'), "line 1"),
        (lambda file: file.write_text(""), "it has no key"),
    ],
    ids=["missing", "folder", "latin-1", "wrong", "empty"],
)
def test_a_key_file_that_cannot_be_used_is_told_and_its_secrets_are_not(
    zone: Zone, keys_file: Path, spoil, said: str
) -> None:
    add(zone, "192.0.2.1", "transfer.ee")
    spoil(keys_file)
    servers, [error] = zone_servers(zone, keys_file)
    assert servers == []
    assert error.fault == Fault.NO_KEY
    assert said in error.detail
    assert str(keys_file) in error.detail
    assert SECRET not in str(error)


def test_no_key_file_at_all_says_which_setting_names_it(zone: Zone) -> None:
    add(zone, "192.0.2.1", "transfer.ee")
    _servers, [error] = zone_servers(zone, None)
    assert error.fault == Fault.NO_KEY
    assert "DNS_KEYS_FILE" in error.detail
    with pytest.raises(KeysError):
        known_keys(None)
