"""Whatever is wrong with the configuration is said at once, each by section and option."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from relay_agent.check import check
from relay_agent.config import Config, ConfigError, public_key, read_config, read_token
from relay_agent.deadlines import Now
from tests.relay_agent.centre import (
    KEY,
    OTHER_KEY,
    SERVICE,
    TOKEN,
    Centre,
    centre,
    config_text,
    pinned,
    prepare,
    snapshot,
)
from tests.relay_agent.clocks import Clocks

URL = "https://whitelist.example.edu"


def written(folder: Path, text: str) -> Path:
    path = folder / "agent.conf"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_config(written(folder, text))
    return caught.value.problems


def test_the_least_there_can_be_is_enough(tmp_path: Path) -> None:
    text = f"[service]\nurl = {URL}/\ntoken_file = /etc/t\n[keys]\nk1 = {pinned()}\n"
    found = read_config(written(tmp_path, text))
    assert found == Config(url=URL, token_file=Path("/etc/t"), keys=found.keys)
    assert list(found.keys) == ["k1"]


def test_everything_that_can_be_said_is_taken(tmp_path: Path) -> None:
    text = config_text(
        Path("/d"),
        URL,
        service=f"ca_file = /ca\npinned = {SERVICE}",
        tables="types = lmdb, hash\nformats = rspamd exim",
        metrics="file = /m\nlisten = 127.0.0.1:9464",
        policy="listen = unix:/run/p\nnormal_per_hour = 100\nnormal_per_day = 1000",
        sent="log = policy",
    )
    found = read_config(written(tmp_path, text))
    assert (found.types, found.formats) == (("lmdb", "hash"), ("rspamd", "exim"))
    assert (found.metrics_listen, found.metrics_file) == (("127.0.0.1", 9464), Path("/m"))
    assert (found.normal.per_hour, found.normal.per_day) == (100, 1000)
    assert (found.ca_file, found.pinned, found.poll_seconds) == (Path("/ca"), SERVICE, 0.1)
    assert (found.policy_listen, found.sent_log) == ("unix:/run/p", "policy")


@pytest.mark.parametrize(
    ("section", "line", "reason"),
    [
        ("service", "ulr = x", "[service] ulr: unknown; known are url, token_file"),
        ("srevice", "url = x", "[srevice]: there is no such section"),
        ("service", "ca_file = ca.pem", "[service] ca_file: 'ca.pem' is not an absolute path"),
        ("tables", "types = lmdb btree", "[tables] types: unknown table type 'btree'"),
        ("metrics", "listen = 0.0.0.0:9464", "[metrics] listen: '0.0.0.0:9464' is not a loopback"),
        ("metrics", "listen = 127.0.0.1", "[metrics] listen: '127.0.0.1' is not a loopback"),
        ("metrics", "listen = 127.0.0.1:0", "[metrics] listen: '127.0.0.1:0' is not a loopback"),
        ("policy", "listen = /run/p", "[policy] listen: '/run/p' is neither unix:/PATH nor inet"),
        ("policy", "listen = inet:10.0.0.1:9", "[policy] listen: '10.0.0.1:9' is not a loopback"),
        ("policy", "normal_per_hour = -1", "[policy] normal_per_hour: '-1' is not a whole number"),
        ("policy", "normal_per_day = \uff11", "[policy] normal_per_day: '\uff11' is not a whole"),
        ("sent", "log = mail.log", "[sent] log: 'mail.log' is unknown; known are policy, journal"),
        ("sent", "log = policy", "[sent] log: is policy, but [policy] listen is not set"),
        ("keys", "k2 = AAAA", "[keys] k2: has 3 bytes; an Ed25519 public key has 32"),
        ("keys", "k2 = ?", "[keys] k2: is neither base64 nor hex"),
        ("keys", "k 2 = AAAA", "[keys] k 2: is no key id"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, section: str, line: str, reason: str) -> None:
    (found,) = problems(tmp_path, config_text(tmp_path, URL, **{section: line}))
    assert found.startswith(reason)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "is missing"),
        ("http://whitelist.example.edu", "must be https"),
        ("http://localhost", "must be https"),
        ("ftp://whitelist.example.edu", "is not https://HOST"),
        ("whitelist.example.edu", "is not https://HOST"),
        ("https://", "is not https://HOST"),
        ("https://host:99999", "Port out of range"),
        ("https://me:pw@host", "has more than host, port and path"),
        ("https://host?a=b", "has more than host, port and path"),
    ],
)
def test_a_token_is_never_sent_in_the_clear_or_anywhere_odd(
    tmp_path: Path, url: str, reason: str
) -> None:
    (found,) = problems(tmp_path, config_text(tmp_path, url))
    assert found.startswith("[service] url: ")
    assert reason in found


@pytest.mark.parametrize("seconds", ["0", "0.09", "31", "-1", "nan", "inf", "often", "1 s"])
def test_polling_is_neither_too_often_nor_too_seldom(tmp_path: Path, seconds: str) -> None:
    text = config_text(tmp_path, URL).replace("poll_seconds = 0.1", f"poll_seconds = {seconds}")
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"[service] poll_seconds: '{seconds}' is not a number of seconds")


def test_everything_wrong_is_said_and_not_only_the_first(tmp_path: Path) -> None:
    assert problems(tmp_path, "[service]\n[tables]\ntypes = x\n[else]\n") == [
        "[else]: there is no such section",
        "[keys]: no key is pinned; ask the service's staff for it",
        "[service] url: is missing",
        "[service] token_file: is missing",
        "[tables] types: unknown table type 'x'; known are lmdb, hash, cdb",
    ]


@pytest.mark.parametrize("text", ["url = x", "[a]\nb\n", "[a]\nb=1\nb=2\n", "[a]\n[a]\n"])
def test_what_is_no_ini_file_is_refused_with_the_place(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, text)
    assert f"{tmp_path}/agent.conf cannot be read" in found


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere cannot be read: .*No such file"):
        read_config(tmp_path / "nowhere")


def test_a_key_in_hex_is_the_key_in_base64() -> None:
    signature = KEY.sign(b"it")
    for form in (pinned(), base64.b64decode(pinned()).hex()):
        public_key(form).verify(signature, b"it")


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff", b"a\nb"])
def test_a_token_file_holds_one_token(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match=r"\[service\] token_file"):
        read_token(tmp_path / "token")


def test_the_token_is_read_without_its_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    assert read_token(tmp_path / "token") == "abc"


# What `--check` looks at beyond the file.


def checked(folder: Path, running: Centre, /, **options: str) -> list[str]:
    return check(read_config(prepare(folder, running.url, **options)))


def test_where_all_is_well_nothing_is_said(tmp_path: Path) -> None:
    with centre() as service:
        assert checked(tmp_path, service, service=f"pinned = {SERVICE}") == []


def test_the_folder_for_tables_may_still_be_made(tmp_path: Path) -> None:
    with centre() as service:
        text = prepare(tmp_path, service.url).read_text()
        text = text.replace(f"{tmp_path}/map", f"{tmp_path}/state/map")
        assert check(read_config(written(tmp_path, text))) == []


def test_missing_folders_are_named_with_what_to_do(tmp_path: Path) -> None:
    with centre() as service:
        path = prepare(tmp_path, service.url, metrics=f"file = {tmp_path}/no/m.prom")
        (tmp_path / "state").rmdir()
        (tmp_path / "map").rmdir()
        assert [line.split(":")[0] for line in check(read_config(path))] == [
            "[state] folder",
            "[tables] folder",
            "[metrics] file",
        ]


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with centre() as service:
        path = prepare(tmp_path, service.url)
        (tmp_path / "token").unlink()
        (found,) = check(read_config(path))
    assert found.startswith(f"[service] token_file: {tmp_path}/token cannot be read")


def test_a_wrong_token_is_said_to_be_that(tmp_path: Path) -> None:
    with centre() as service:
        path = prepare(tmp_path, service.url)
        (tmp_path / "token").write_text(TOKEN[:-1])
        (found,) = check(read_config(path))
    assert "says 401; ask the service's staff for a new token" in found


def test_a_service_that_is_not_there_is_said(tmp_path: Path) -> None:
    with centre() as service:
        url = service.url
    (found,) = check(read_config(prepare(tmp_path, url)))
    assert found.startswith(f"[service] url: {url} was not reached (")


def test_a_service_in_trouble_is_said(tmp_path: Path) -> None:
    with centre() as service:
        service.status = 503
        (found,) = checked(tmp_path, service)
    assert "answered 503: out of order" in found


@pytest.mark.parametrize(("key", "key_id"), [(OTHER_KEY, "k1"), (KEY, "k2")])
def test_another_key_is_said(tmp_path: Path, key, key_id: str) -> None:
    with centre() as service:
        service.serve(snapshot(), key=key, key_id=key_id)
        (found,) = checked(tmp_path, service)
    assert found.startswith("[keys]: the snapshot was refused")


def test_another_service_than_the_pinned_one_is_said(tmp_path: Path) -> None:
    with centre() as service:
        (found,) = checked(tmp_path, service, service="pinned = https://other.example")
    assert found.startswith(f"[service] pinned: the snapshot is of '{SERVICE}'")


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        (-0.5, ""),
        (0.5, ""),
        (-2.0, "2.0 s behind the service's; run an NTP client"),
        (3600.0, "3600.0 s ahead of the service's"),
    ],
)
def test_a_clock_that_is_off_by_more_than_a_second_is_said(
    tmp_path: Path, shift: float, said: str
) -> None:
    clocks = Clocks()
    with centre() as service:
        service.time = lambda: clocks.wall
        config = read_config(prepare(tmp_path, service.url))
        found = check(config, lambda: Now(clocks.wall + shift, clocks.boot))
    assert [said in line for line in found] == ([True] if said else [])


def test_postmap_is_missed_only_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_agent.programs.SYSTEM_FOLDERS", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with centre() as service:
        assert checked(tmp_path, service) == []
        (found,) = checked(tmp_path, service, tables="types = hash")
    assert found == "[tables] types: hash needs postmap: apt install postfix"
