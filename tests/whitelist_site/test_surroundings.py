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
    assert completed(BIND=bind)["BASE_URL"] == base


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
