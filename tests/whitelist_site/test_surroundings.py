"""What `make run` fills in, and what it leaves as the caller gave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from surroundings import CannotRun, check_folder, complete, make_secret


def completed(**given: str) -> dict[str, str]:
    environment = dict(given)
    complete(environment)
    return environment


def test_without_a_portal_the_simulator_is_on_and_with_issuers_it_is_not() -> None:
    assert completed()["PORTAL_SIMULATOR"] == "on"
    assert "PORTAL_SIMULATOR" not in completed(PORTAL_ISSUERS_FILE="/etc/issuers.json")
    assert completed(PORTAL_SIMULATOR="off")["PORTAL_SIMULATOR"] == "off"


def test_whatever_the_caller_gives_stays() -> None:
    given = {
        "BASE_URL": "http://whitelist.example:81",
        "ALLOWED_HOSTS": "whitelist.example",
        "VAR_DIR": "/srv/var",
        "ACCESS_MAP_DIR": "/etc/postfix/map",
        "ACCESS_MAP_TYPES": "lmdb,hash",
        "SECRET_KEY": "given",
        "DATABASE_URL": "postgres://example/db",
        "CELERY_BROKER_URL": "redis://example/0",
        "BIND": "[::1]",
        "PORT": "81",
        "PORTAL_SIMULATOR": "off",
    }
    result = completed(**given)
    assert given.items() <= result.items()
    assert "SECRET_KEY_FILE" not in result


def test_the_host_of_the_base_url_is_allowed_besides_loopback() -> None:
    result = completed(BASE_URL="http://whitelist.example:81")
    assert result["ALLOWED_HOSTS"] == "127.0.0.1,localhost,[::1],whitelist.example"
    assert completed()["ALLOWED_HOSTS"] == "127.0.0.1,localhost,[::1]"


@pytest.mark.parametrize(
    ("bind", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("[::]", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("127.0.0.9", "http://127.0.0.9:8000"),
    ],
)
def test_the_base_url_reaches_the_address_that_is_listened_on(bind: str, base: str) -> None:
    assert completed(BIND=bind, PORTAL_SIMULATOR="off")["BASE_URL"] == base


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "[::]", "192.0.2.1", "host.example"])  # noqa: S104
def test_the_simulator_is_not_for_others_to_reach(bind: str) -> None:
    for given in ({}, {"PORTAL_SIMULATOR": "on", "PORTAL_ISSUERS_FILE": "/etc/issuers.json"}):
        with pytest.raises(CannotRun, match=r"^BIND=.* set PORTAL_ISSUERS_FILE, or PORTAL_SIMU"):
            completed(BIND=bind, **given)
    assert completed(BIND=bind, PORTAL_ISSUERS_FILE="/etc/issuers.json")
    assert completed(BIND=bind, PORTAL_SIMULATOR="off")


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost"])
def test_the_simulator_is_for_this_machine(bind: str) -> None:
    assert completed(BIND=bind)["PORTAL_SIMULATOR"] == "on"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("hash cdb", "hash,cdb"), (" lmdb, hash ", "lmdb,hash"), ("lmdb,", "lmdb"),
        ("", "lmdb"), (",", ","),
    ],
)  # fmt: skip
def test_kinds_of_the_map_are_written_as_the_keeper_takes_them(given: str, taken: str) -> None:
    assert completed(ACCESS_MAP_TYPES=given)["ACCESS_MAP_TYPES"] == taken


@pytest.mark.parametrize("name", ["PORT", "WEB_CONCURRENCY"])
@pytest.mark.parametrize("value", ["x", "0", "-1", "1.5", "99999999", "١"])
def test_a_malformed_number_is_told_before_anything_is_done(name: str, value: str) -> None:
    with pytest.raises(CannotRun, match=f"{name}={value} is not a whole number"):
        completed(**{name: value})


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("data")
    check_folder(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]
    with pytest.raises(CannotRun):
        check_folder(tmp_path / "kept")


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    make_secret(tmp_path / "key")
    first = (tmp_path / "key").read_text()
    make_secret(tmp_path / "key")
    assert (tmp_path / "key").read_text() == first
    assert len(first.strip()) >= 64
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
