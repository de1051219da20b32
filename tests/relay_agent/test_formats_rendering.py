"""What each format's file says, and what becomes of files and failures."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from relay_agent.formats import FORMATS, FormatsError, find_format, install_formats
from relay_agent.formats.kinds import Lines
from relay_agent.formats.nftables import Nftables
from relay_agent.text import Records, to_records

NOW = 1_764_000_000.25
V4, V6, LOW = "140.114.64.154", "2001:288:e001::64", "::1"
FILES = ["rspamd", "exim", "sendmail"]


def records(*addresses: str, expiry: int = 1_764_003_600) -> Records:
    return to_records({ip_address(address): expiry for address in addresses})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rspamd", b"140.114.64.154\n::1\n2001:288:e001::64\n"),
        ("exim", b"140.114.64.154\n::1\n2001:288:e001::64\n"),
        (
            "sendmail",
            (
                b"ClientRate:140.114.64.154\t0\nClientConn:140.114.64.154\t0\n"
                b"ClientRate:IPv6:0:0:0:0:0:0:0:1\t0\nClientConn:IPv6:0:0:0:0:0:0:0:1\t0\n"
                b"ClientRate:IPv6:2001:288:e001:0:0:0:0:64\t0\n"
                b"ClientConn:IPv6:2001:288:e001:0:0:0:0:64\t0\n"
            ),
        ),
        (
            "nftables",
            (
                b"add table inet filter\n"
                b"add set inet filter smtp_whitelist_v4 { type ipv4_addr; flags timeout; }\n"
                b"add set inet filter smtp_whitelist_v6 { type ipv6_addr; flags timeout; }\n"
            ),
        ),
    ],
    ids=FORMATS,
)
def test_the_file_of_each_format(name: str, content: bytes) -> None:
    assert FORMATS[name].render(records(V4, V6, LOW), NOW) == content


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("expiry", "there"),
    [(1_764_000_000, False), (1_764_000_001, True)],
    ids=["lapsed", "lasting"],
)
def test_what_has_lapsed_is_not_written(name: str, expiry: int, there: bool) -> None:
    assert bool(FORMATS[name].render(records(V4, expiry=expiry), NOW)) is there


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_entry_is_refused_and_writes_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="entry"):
        Lines("x", str).render({b"10.0.0.1%\n": b"1"}, NOW)
    if name in FILES:
        with pytest.raises(ValueError, match="entry"):
            install_formats(tmp_path, [name], {b"10.0.0.1 evil": b"x"}, NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("expiry", "timeout"),
    [
        (1_764_000_000, None),
        (1_764_000_001, "750ms"),
        (1_764_003_600, "3599750ms"),
        (4_000_000_000, "31536000s"),
    ],
    ids=["lapsed", "nearly", "an hour", "decades"],
)
def test_an_nftables_element_lasts_no_longer_than_its_entry(
    expiry: int, timeout: str | None
) -> None:
    lines = Nftables().script(records(V4, expiry=expiry), NOW).decode().splitlines()
    added = [line for line in lines if line.startswith("add element")]
    wanted = f"add element inet filter smtp_whitelist_v4 {{ {V4} timeout {timeout} }}"
    assert added == ([] if timeout is None else [wanted])


def test_an_element_is_never_given_the_time_out_that_means_for_ever() -> None:
    script = Nftables().script(records(V4, expiry=1_764_000_001), 1_764_000_000.9995)
    assert b"add element" not in script
    assert b"flush set inet filter smtp_whitelist_v4\n" in script


@pytest.mark.parametrize(
    "word",
    [
        "postfix",
        "",
        "exim:x",
        "nftables:",
        "nftables:inet:filter",
        "nftables:ipx:filter:s",
        "nftables:inet:filter:s;flush",
        "nftables:inet:fil ter:s",
        "nftables:inet:filter:" + "s" * 65,
    ],
)
def test_a_format_that_is_not_known_is_refused_before_anything_is_written(
    word: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"format|nftables"):
        install_formats(tmp_path, ["exim", word], records(V4), NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_sets_may_be_elsewhere() -> None:
    assert find_format("nftables:ip:mail:exempt") == Nftables("ip", "mail", "exempt")


def test_files_are_replaced_whole_and_only_when_they_change(tmp_path: Path) -> None:
    everybody, nobody = records(V4, V6), records()
    assert install_formats(tmp_path, FILES, nobody, NOW) == dict.fromkeys(FILES, True)
    for name in FILES:
        assert (tmp_path / f"smtp_whitelist.{name}").read_bytes() == b""
    before = {path: path.stat().st_ino for path in tmp_path.glob("smtp_whitelist.*")}
    assert install_formats(tmp_path, FILES, nobody, NOW) == dict.fromkeys(FILES, False)
    assert {path: path.stat().st_ino for path in before} == before
    assert install_formats(tmp_path, FILES, everybody, NOW) == dict.fromkeys(FILES, True)
    assert len(before) == len(FILES)
    for path, inode in before.items():
        assert path.stat().st_ino != inode
        assert path.stat().st_mode & 0o777 == 0o644


def test_one_file_that_fails_does_not_keep_the_others_back(tmp_path: Path) -> None:
    (tmp_path / "smtp_whitelist.exim").mkdir()
    with pytest.raises(FormatsError) as raised:
        install_formats(tmp_path, FILES, records(V4), NOW)
    assert set(raised.value.failures) == {"smtp_whitelist.exim"}
    assert raised.value.changed == {"rspamd": True, "sendmail": True}


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FormatsError, match="does not exist"):
        install_formats(tmp_path / "no", ["exim"], records(V4), NOW)
