"""Settings from the environment: understood, or one line that says which and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whitelist_site.databases import database_from_url
from whitelist_site.env import Environment, SettingError

ROOT = Path(__file__).resolve().parent.parent.parent


def env(**values: str) -> Environment:
    return Environment(values)


@pytest.mark.parametrize("word", ["1", "on", "On", "TRUE", " yes "])
def test_these_words_are_on(word):
    assert env(DEBUG=word).boolean("DEBUG", default=False) is True


@pytest.mark.parametrize("word", ["0", "off", "False", "no", ""])
def test_these_words_are_off(word):
    assert env(DEBUG=word).boolean("DEBUG", default=True) is False


@pytest.mark.parametrize("word", ["maybe", "2", "o n", "enabled", "１"])
def test_an_unknown_boolean_is_an_error_and_not_a_default(word):
    with pytest.raises(SettingError, match="DEBUG"):
        env(DEBUG=word).boolean("DEBUG", default=False)


@pytest.mark.parametrize("value", ["0", "9", "-1", "1.0", "one", "１", "1e0", "0x1", "9" * 30])
def test_a_number_out_of_bounds_or_malformed_is_an_error(value):
    with pytest.raises(SettingError, match="whole number from 1 to 8"):
        env(TRUSTED_HOPS=value).integer("TRUSTED_HOPS", 1, least=1, most=8)


def test_a_secret_has_no_default():
    with pytest.raises(SettingError, match="SECRET_KEY: is required"):
        env().secret("SECRET_KEY")


def test_a_secret_can_come_from_a_file(tmp_path: Path):
    (tmp_path / "key").write_text("from a file\n")
    assert env(SECRET_KEY_FILE=str(tmp_path / "key")).secret("SECRET_KEY") == "from a file"


def test_a_secret_given_twice_is_an_error(tmp_path: Path):
    (tmp_path / "key").write_text("from a file\n")
    both = env(SECRET_KEY="directly", SECRET_KEY_FILE=str(tmp_path / "key"))
    with pytest.raises(SettingError, match="given twice"):
        both.secret("SECRET_KEY")


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_an_empty_or_unreadable_secret_file_is_an_error(tmp_path: Path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SettingError, match="SECRET_KEY_FILE"):
        env(SECRET_KEY_FILE=str(tmp_path / "key")).secret("SECRET_KEY")


def test_trusted_proxies_are_networks_and_the_unix_socket():
    proxies = env(TRUSTED_PROXIES="10.0.0.0/8, 2001:db8::/32 unix").trusted_proxies(
        "TRUSTED_PROXIES"
    )
    assert [str(network) for network in proxies.networks] == ["10.0.0.0/8", "2001:db8::/32"]
    assert proxies.unix


def test_no_trusted_proxies_is_the_default():
    assert not env().trusted_proxies("TRUSTED_PROXIES")


@pytest.mark.parametrize("value", ["10.0.0.1/8", "everyone", "10.0.0.0/33", "*", "unix:/run/x"])
def test_a_malformed_proxy_is_an_error(value):
    with pytest.raises(SettingError, match="TRUSTED_PROXIES"):
        env(TRUSTED_PROXIES=value).trusted_proxies("TRUSTED_PROXIES")


@pytest.mark.parametrize(
    ("url", "engine", "name"),
    [
        ("sqlite:////srv/a.sqlite3", "sqlite3", "/srv/a.sqlite3"),
        ("sqlite:///here.sqlite3", "sqlite3", "here.sqlite3"),
        ("postgres://u:p%40ss@[::1]:5433/db", "postgresql", "db"),
        ("postgresql:///db", "postgresql", "db"),
    ],
)
def test_a_database_url_is_understood(url, engine, name, tmp_path: Path):
    found = database_from_url(env(DATABASE_URL=url), tmp_path)
    assert found["ENGINE"] == f"django.db.backends.{engine}"
    assert found["NAME"] == name


def test_the_parts_of_a_postgres_url_arrive_unquoted(tmp_path: Path):
    url = "postgres://u%2Fser:p%40ss@db.example:5433/whitelist"
    found = database_from_url(env(DATABASE_URL=url), tmp_path)
    parts = (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"])
    assert parts == ("u/ser", "p@ss", "db.example", "5433")


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/db", "postgres://u:hunter2@h", "postgres://u:hunter2@h:x/db"]
)
def test_a_malformed_database_url_is_an_error_that_repeats_no_password(url, tmp_path: Path):
    with pytest.raises(SettingError) as caught:
        database_from_url(env(DATABASE_URL=url), tmp_path)
    assert "hunter2" not in str(caught.value)


def start(**changes: str) -> subprocess.CompletedProcess[str]:
    """Start the service's settings in a process of its own, as any command does."""
    values = {name: os.environ[name] for name in ("PATH", "VAR_DIR", "SECRET_KEY")}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**values, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_defaults_start():
    assert start().returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("BASE_URL", "ftp://host"),
        ("BASE_URL", "https://"),
        ("DATABASE_URL", "oracle://x/y"),
        ("CELERY_BROKER_URL", "memory://"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_HOPS", "0"),
        ("PORTAL_ISSUERS_FILE", "/nowhere/issuers.json"),
        ("PORTAL_SIMULATOR", "ja"),
        ("ACCESS_MAP_TYPES", "lmdb,btree"),
        ("TIME_ZONE", "Asia/Taipeh"),
        ("SECRET_KEY", ""),
        ("VAR_DIR", "/dev/null/var"),
    ],
)
def test_a_malformed_setting_stops_the_start_with_one_line_that_names_it(name, value):
    done = start(**{name: value})
    assert done.returncode != 0
    assert done.stderr.startswith(f"setting {name}: ")
    assert done.stderr.count("\n") == 1


def test_the_simulator_cannot_start_with_production_settings():
    done = start(PORTAL_SIMULATOR="on", BASE_URL="https://ua.example.edu")
    assert done.returncode != 0
    assert done.stderr.startswith("setting PORTAL_SIMULATOR: ")


def test_production_settings_pass_the_deployment_check_without_a_warning(tmp_path: Path):
    issuers = tmp_path / "issuers.json"
    issuers.write_text(ISSUERS)
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "VAR_DIR": str(tmp_path),
            "SECRET_KEY": "9vX!" * 20 + "abcdefghijklmnopqrstuvwxyz0123456789",
            "BASE_URL": "https://ua.example.edu",
            "TRUSTED_PROXIES": "127.0.0.1/32",
            "PORTAL_ISSUERS_FILE": str(issuers),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


PUBLIC_KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
ISSUERS = json.dumps(
    {
        "issuers": [
            {
                "iss": "https://portal.example",
                "aud": "https://services.example",
                "name": {"zh-hant": "校務資訊系統", "en": "Campus portal"},
                "login_url": "https://portal.example/login",
                "alg": "EdDSA",
                "keys": [
                    {
                        "kid": "2026-1",
                        "public_key": "-----BEGIN PUBLIC KEY-----\n"
                        f"{PUBLIC_KEY}\n-----END PUBLIC KEY-----\n",
                    }
                ],
            }
        ]
    }
)
