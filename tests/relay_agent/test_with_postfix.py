"""What a real Postfix does with the tables."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay_agent.files import replace_file
from relay_agent.install import install
from relay_agent.lmdb_table import update_lmdb
from relay_agent.tables import TYPES
from tests.real.postfix import PrivatePostfix
from tests.real.processes import wait_until
from tests.relay_agent.tools import LMDB, entries, many, postmap

pytestmark = pytest.mark.postfix
CLIENT, OTHER = "127.0.0.5", "127.0.0.6"
POSTFIX_MAP_SIZE = 16 * 2**20


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[PrivatePostfix]:
    """Limits each client to two messages, but for those in the LMDB table."""
    install(tmp_path, ["lmdb"], {})
    with limiting(f"lmdb:{tmp_path}/smtp_whitelist") as postfix:
        yield postfix


@contextmanager
def limiting(table: str) -> Iterator[PrivatePostfix]:
    settings = {
        "smtpd_client_event_limit_exceptions": f"$mynetworks, {table}",
        "service_throttle_time": "1s",  # how long master waits after an smtpd that died
        "max_use": "10",
    }
    with PrivatePostfix(settings) as relay:
        yield relay


@contextmanager
def admitting(table: str) -> Iterator[PrivatePostfix]:
    """Turns every client away, but for those in the table."""
    settings = {
        "smtpd_client_restrictions": f"check_client_access {table}, reject",
        "smtpd_client_message_rate_limit": "0",
    }
    with PrivatePostfix(settings) as postfix:
        yield postfix


def test_a_throttled_client_is_free_after_an_update_and_throttled_after_removal(
    relay: PrivatePostfix, tmp_path: Path
) -> None:
    relay.throttle(CLIENT)
    install(tmp_path, ["lmdb"], entries(CLIENT))
    assert [relay.send(CLIENT).code for _ in range(5)] == [250] * 5
    install(tmp_path, ["lmdb"], {})
    assert relay.send(CLIENT).throttled


def test_a_connection_that_was_open_all_the_while_is_freed_and_throttled_again(
    relay: PrivatePostfix, tmp_path: Path
) -> None:
    with relay.session(CLIENT) as session:
        assert [session.send().code for _ in range(3)] == [250, 250, 450]
        update_lmdb(tmp_path / LMDB, entries(CLIENT))
        assert [session.send().code for _ in range(5)] == [250] * 5
        update_lmdb(tmp_path / LMDB, {})
        assert session.send().throttled


def test_a_free_client_next_to_a_throttled_one(relay: PrivatePostfix, tmp_path: Path) -> None:
    install(tmp_path, ["lmdb"], entries(CLIENT))
    relay.throttle(OTHER)
    assert [relay.send(CLIENT).code for _ in range(4)] == [250] * 4
    assert relay.send(OTHER).throttled


def test_an_entry_among_thousands_is_found(relay: PrivatePostfix, tmp_path: Path) -> None:
    relay.throttle(CLIENT)
    install(tmp_path, ["lmdb"], many(10_000) | entries(CLIENT))
    assert relay.send(CLIENT).accepted
    install(tmp_path, ["lmdb"], many(10_000))
    assert relay.send(CLIENT).throttled


def test_an_open_session_follows_a_table_of_postmaps_that_outgrows_its_map(tmp_path: Path) -> None:
    replace_file(tmp_path / "smtp_whitelist", b"")
    (tmp_path / "etc").mkdir()
    postmap(tmp_path / "etc", f"lmdb:{tmp_path}/smtp_whitelist")
    with (
        limiting(f"lmdb:{tmp_path}/smtp_whitelist") as relay,
        relay.session(CLIENT) as session,
    ):
        assert [session.send().code for _ in range(3)] == [250, 250, 450]
        change = update_lmdb(tmp_path / LMDB, many(350_000) | entries(CLIENT))
        assert (tmp_path / LMDB).stat().st_size > POSTFIX_MAP_SIZE
        assert not change.rebuilt
        assert [session.send().code for _ in range(3)] == [250] * 3


@pytest.mark.parametrize("kind", ["hash", "cdb"])
def test_a_renamed_table_is_seen_by_the_next_connection(tmp_path: Path, kind: str) -> None:
    install(tmp_path, [kind], {})
    with limiting(f"{kind}:{tmp_path}/smtp_whitelist") as relay:
        relay.throttle(CLIENT)
        install(tmp_path, [kind], entries(CLIENT))
        assert [relay.send(CLIENT).code for _ in range(4)] == [250] * 4
        install(tmp_path, [kind], {})
        assert relay.send(CLIENT).throttled


@pytest.mark.parametrize("kind", TYPES)
def test_check_client_access_reads_the_expiry_as_ok(tmp_path: Path, kind: str) -> None:
    install(tmp_path, TYPES, {})
    with admitting(f"{kind}:{tmp_path}/smtp_whitelist") as relay:
        assert relay.send(CLIENT).code == 554
        install(tmp_path, TYPES, entries(CLIENT))
        assert relay.send(CLIENT).accepted
        assert relay.send(OTHER).code == 554
        install(tmp_path, TYPES, {})
        assert relay.send(CLIENT).code == 554


@pytest.mark.parametrize("kind", TYPES)
def test_a_postfix_left_behind_on_a_dropped_type_exempts_nobody_and_meets_no_error(
    tmp_path: Path, kind: str
) -> None:
    install(tmp_path, TYPES, entries(CLIENT))
    with admitting(f"{kind}:{tmp_path}/smtp_whitelist") as relay:
        assert relay.send(CLIENT).accepted
        install(tmp_path, [other for other in TYPES if other != kind], entries(CLIENT))
        assert relay.send(CLIENT).code == 554


@pytest.mark.parametrize("kind", TYPES)
def test_postfix_finds_an_ipv6_address_as_it_writes_it_and_only_so(
    relay: PrivatePostfix, tmp_path: Path, kind: str
) -> None:
    install(tmp_path, TYPES, entries("2001:DB8:0:0:0:0:0:1", "2001:288:e001::64", expiry=77))
    table = f"{kind}:{tmp_path}/smtp_whitelist"
    assert relay.query(table, "2001:db8::1") == "77"
    assert relay.query(table, "2001:288:e001::64") == "77"
    assert relay.query(table, "2001:db8:0:0:0:0:0:1") == ""
    assert relay.query(table, "2001:db8::2") == ""


@pytest.mark.parametrize(
    ("content", "flows"),
    [(b"", True), (b"garbage" * 4000, True), (None, False)],
    ids=["empty", "noise", "cut"],
)
def test_a_cut_table_stops_all_mail_a_senseless_one_all_exemptions_until_mended(
    relay: PrivatePostfix, tmp_path: Path, content: bytes | None, flows: bool
) -> None:
    install(tmp_path, ["lmdb"], many(2000))
    broken = (tmp_path / LMDB).read_bytes()[:9000] if content is None else content
    replace_file(tmp_path / LMDB, broken)
    assert sends(relay) is flows
    report = install(tmp_path, ["lmdb"], many(2000) | entries(CLIENT))
    assert report.changes[LMDB].rebuilt
    # An smtpd that met a senseless table knows of none until it has served its `max_use`.
    wait_until(lambda: all(sends(relay) for _ in range(9)), "the client is exempt")


def sends(relay: PrivatePostfix) -> bool:
    try:
        return relay.send(CLIENT).accepted
    except (OSError, smtplib.SMTPException):  # smtpd died of the table, or has not come back
        return False


def test_an_open_session_survives_that_its_table_is_replaced(
    relay: PrivatePostfix, tmp_path: Path
) -> None:
    install(tmp_path, ["lmdb"], entries(CLIENT))
    with relay.session(CLIENT) as session:
        assert session.send().accepted
        replace_file(tmp_path / LMDB, b"garbage")
        install(tmp_path, ["lmdb"], entries(CLIENT))
        assert [session.send().code for _ in range(4)] == [250] * 4


def test_smtpd_does_not_call_the_tables_out_of_date(tmp_path: Path) -> None:
    install(tmp_path, TYPES, entries(CLIENT))
    (tmp_path / "smtp_whitelist").unlink()
    install(tmp_path, TYPES, entries(CLIENT))
    names = ", ".join(f"{kind}:{tmp_path}/smtp_whitelist" for kind in TYPES)
    with limiting(names) as relay:
        assert relay.send(CLIENT).accepted
        relay.wait_for_log("disconnect from")
        assert "older than source" not in relay.maillog()


def test_look_ups_and_commits_do_not_disturb_each_other(
    relay: PrivatePostfix, tmp_path: Path
) -> None:
    install(tmp_path, ["lmdb"], many(500) | entries(CLIENT))
    with relay.session(CLIENT) as session:
        for step in range(1, 101):
            update_lmdb(tmp_path / LMDB, many(500, first=step) | entries(CLIENT))
            reply = session.send()
            assert reply.accepted, reply
    assert "fatal" not in relay.maillog()
