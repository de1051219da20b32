"""Settings from the environment: understood, or one line that says which and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

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


LONG = "a key of thirty-two characters.."


def test_without_a_key_the_one_that_make_run_made_is_taken(tmp_path: Path):
    made = tmp_path / "secret_key"
    with pytest.raises(SettingError, match="SECRET_KEY: is required"):
        env().key("SECRET_KEY", made)
    made.write_text(f"{LONG}\n")
    assert env().key("SECRET_KEY", made) == LONG
    assert env(SECRET_KEY=" ").key("SECRET_KEY", made) == LONG
    assert env(SECRET_KEY="g" * 32).key("SECRET_KEY", made) == "g" * 32
    with pytest.raises(SettingError, match="SECRET_KEY_FILE: cannot read"):
        env(SECRET_KEY_FILE=str(tmp_path / "other")).key("SECRET_KEY", made)


def test_a_short_key_is_an_error(tmp_path: Path):
    assert env(SECRET_KEY=LONG).key("SECRET_KEY", tmp_path / "none") == LONG
    with pytest.raises(SettingError, match="SECRET_KEY: is shorter than 32 characters"):
        env(SECRET_KEY=LONG[1:]).key("SECRET_KEY", tmp_path / "none")


def test_urls_that_hold_passwords_can_come_from_files(tmp_path: Path):
    (tmp_path / "database").write_text("postgres://u:secret@h/db\n")
    (tmp_path / "broker").write_text("redis://:secret@h/3\n")
    given = env(
        DATABASE_URL_FILE=str(tmp_path / "database"),
        CELERY_BROKER_URL_FILE=str(tmp_path / "broker"),
    )
    assert database_from_url(given, tmp_path)["PASSWORD"] == "secret"
    assert given.broker_url("CELERY_BROKER_URL", tmp_path).password == "secret"


def test_the_embedded_defaults_are_in_the_folder_whatever_it_is_called(tmp_path: Path):
    folder = tmp_path / "a%41#b? c"
    assert database_from_url(env(), folder)["NAME"] == f"{folder}/whitelist.sqlite3"
    broker = env().broker_url("CELERY_BROKER_URL", folder / "broker")
    assert unquote(broker.path) == f"{folder}/broker"


def test_trusted_proxies_are_networks_and_the_unix_socket():
    proxies = env(TRUSTED_PROXIES="10.0.0.0/8, 2001:db8::/32 unix").trusted_proxies(
        "TRUSTED_PROXIES"
    )
    assert [str(network) for network in proxies.networks] == ["10.0.0.0/8", "2001:db8::/32"]
    assert proxies.unix


def test_no_trusted_proxies_is_the_default():
    assert not env().trusted_proxies("TRUSTED_PROXIES")


@pytest.mark.parametrize(
    "value",
    [
        "10.0.0.1/8", "everyone", "10.0.0.0/33", "*", "unix:/run/x", ",",
        "0.0.0.0/0", "::/0", "127.0.0.1 ::/0",
        "::ffff:127.0.0.1", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "::/8",
    ],
)  # fmt: skip
def test_a_malformed_proxy_is_an_error(value):
    with pytest.raises(SettingError, match="TRUSTED_PROXIES"):
        env(TRUSTED_PROXIES=value).trusted_proxies("TRUSTED_PROXIES")


def start(*command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Start the service's settings in a process of its own, as any command does."""
    values = {name: os.environ[name] for name in ("PATH", "VAR_DIR", "SECRET_KEY")}
    return subprocess.run(
        [sys.executable, "manage.py", *(command or ("check",))],
        cwd=ROOT,
        env={**values, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("", None),
        ("192.0.2.1:53", ("192.0.2.1", 53)),
        ("0.0.0.0:5353", ("0.0.0.0", 5353)),  # noqa: S104
        ("[2001:db8::1]:53", ("2001:db8::1", 53)),
    ],
)
def test_where_to_listen_is_an_address_and_a_port(value, taken):
    assert env(NOTIFY_LISTEN=value).listener("NOTIFY_LISTEN") == taken


@pytest.mark.parametrize(
    "value",
    [
        *("53", "localhost:53", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536"),
        *(":53", "192.0.2.1:５３", "[2001:db8::1]", "192.0.2.1:53:53"),
    ],
)
def test_a_malformed_place_to_listen_is_an_error(value):
    with pytest.raises(SettingError, match="NOTIFY_LISTEN"):
        env(NOTIFY_LISTEN=value).listener("NOTIFY_LISTEN")


def test_the_defaults_start():
    assert start().returncode == 0


def test_the_host_of_an_ipv6_base_url_is_allowed():
    code = "from django.conf import settings; print(settings.ALLOWED_HOSTS)"
    done = start("shell", "--no-imports", "-c", code, BASE_URL="http://[::1]:8000/")
    assert done.stdout.strip() == "['[::1]']", done.stderr


def test_hosts_are_names_addresses_and_wildcards():
    hosts = "a-b.example,.example,127.0.0.1 [2001:db8::1],*,xn--fiq228c.tw"
    assert len(env(ALLOWED_HOSTS=hosts).hosts("ALLOWED_HOSTS", "")) == 6


def test_https_without_a_trusted_proxy_is_warned_of():
    done = start(BASE_URL="https://ua.example.edu")
    assert done.returncode == 0
    assert "whitelist_site.W001" in done.stderr
    assert "BASE_URL" in done.stderr
    assert "TRUSTED_PROXIES" in done.stderr
    believed = start(BASE_URL="https://ua.example.edu", TRUSTED_PROXIES="127.0.0.1")
    assert "whitelist_site.W001" not in believed.stderr + start().stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("BASE_URL", "ftp://host"),
        ("BASE_URL", "https://"),
        ("BASE_URL", "http://host/?a=b"),
        ("BASE_URL", "http://host/#a"),
        ("BASE_URL", "http://user:word@host"),
        ("BASE_URL", "http://host/whitelist"),
        ("BASE_URL", "http://ho!st"),
        ("ALLOWED_HOSTS", ","),
        ("ALLOWED_HOSTS", "https://host"),
        ("ALLOWED_HOSTS", "host/"),
        ("ALLOWED_HOSTS", "good.example,bad!"),
        ("ALLOWED_HOSTS", "host:8000"),
        ("ALLOWED_HOSTS", "::1"),
        ("ALLOWED_HOSTS", "[::x]"),
        ("DATABASE_URL", "oracle://x/y"),
        ("DATABASE_URL", "postgres://u:p@h/db?nonsense=1"),
        ("CELERY_BROKER_URL", "memory://"),
        ("NOTIFY_LISTEN", "53"),
        ("EMAIL_URL", "mail.example.edu.tw"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "smtp://mail.example.edu.tw/?tls=1"),
        ("EMAIL_URL", "smtp://user:pa/ss@mail.example.edu.tw"),
        ("EMAIL_URL", "file://mail"),
        ("EMAIL_FROM", "whitelist"),
        ("EMAIL_FROM", "SMTP <whitelist@example.edu.tw>"),
        ("EMAIL_FROM", "whitelist@exam ple"),
        ("DNS_KEYS_FILE", "/nowhere/transfer.key"),
        ("CELERY_BROKER_URL", "file://"),
        ("CELERY_BROKER_URL", "file:///"),
        ("CELERY_BROKER_URL", "file://broker"),
        ("CELERY_BROKER_URL", "file:broker"),
        ("CELERY_BROKER_URL", "redis://h/xx"),
        ("CELERY_BROKER_URL", "rediss://h/1/2"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_HOPS", "0"),
        ("PORTAL_ISSUERS_FILE", "/nowhere/issuers.json"),
        ("PORTAL_SIMULATOR", "ja"),
        ("PORTAL_SESSION_IDLE_SECONDS", "soon"),
        ("PORTAL_SESSION_ABSOLUTE_SECONDS", "0"),
        ("ACCESS_MAP_TYPES", "lmdb,btree"),
        ("ACCESS_MAP_TYPES", ","),
        ("ACCESS_MAP_TYPES", "hash cdb"),
        ("TIME_ZONE", "Asia/Taipeh"),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
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
