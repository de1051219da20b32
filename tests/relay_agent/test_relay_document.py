"""What docs/relay.md tells relay administrators to write works as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from relay_agent.install import install
from tests.real.parts import require
from tests.real.postfix import PrivatePostfix
from tests.real.processes import start, stop
from tests.relay_agent.policy import policy_service
from tests.relay_agent.tools import entries

pytestmark = pytest.mark.postfix
DOCUMENT = Path(__file__).parents[2] / "docs" / "relay.md"
FOLDER = "/var/lib/smtp-whitelist/map"
CLIENT, OTHER = "127.0.0.5", "127.0.0.6"
FOREIGN = "somebody@elsewhere.example"


def snippet(number: int, kind: str, folder: Path) -> str:
    """The document's nth code block of that kind, with a folder of ours for its folder."""
    blocks: list[str] = re.findall(
        rf"^```{re.escape(kind)}\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert FOLDER in blocks[number]
    return blocks[number].replace(FOLDER, str(folder))


@pytest.fixture(autouse=True)
def empty_table(tmp_path: Path) -> None:
    install(tmp_path, ["lmdb"], {})


def test_way_1_lifts_postfixs_own_limit_and_does_not_open_the_relay(tmp_path: Path) -> None:
    with PrivatePostfix(main_cf=snippet(0, "main.cf", tmp_path)) as relay:
        relay.throttle(CLIENT)
        install(tmp_path, ["lmdb"], entries(CLIENT))
        assert [relay.send(CLIENT).code for _ in range(4)] == [250] * 4
        assert relay.send(CLIENT, FOREIGN).code == 554
        install(tmp_path, ["lmdb"], {})
        assert relay.send(CLIENT).throttled


def test_way_2_goes_before_a_policy_service_and_does_not_open_the_relay(tmp_path: Path) -> None:
    with policy_service() as port:
        text = snippet(1, "main.cf", tmp_path).replace(":8552", f":{port}")
        assert str(port) in text
        with PrivatePostfix({"smtpd_client_message_rate_limit": "0"}, text) as relay:
            assert relay.send(CLIENT).code == 450
            install(tmp_path, ["lmdb"], entries(CLIENT))
            assert relay.send(CLIENT).accepted
            assert relay.send(OTHER).code == 450
            assert relay.send(CLIENT, FOREIGN).code == 554
            install(tmp_path, ["lmdb"], {})
            assert relay.send(CLIENT).code == 450


def test_way_2_lets_mail_pass_when_the_policy_service_is_down(tmp_path: Path) -> None:
    with policy_service() as port:
        text = snippet(1, "main.cf", tmp_path).replace(":8552", f":{port}")
    settings = {"smtpd_client_message_rate_limit": "0", "smtpd_policy_service_retry_delay": "1s"}
    with PrivatePostfix(settings, text) as relay:
        assert relay.send(OTHER).accepted


def test_what_the_document_warns_of_is_so(tmp_path: Path) -> None:
    settings = {
        "smtpd_relay_restrictions": "",
        "smtpd_recipient_restrictions": (
            f"check_client_access lmdb:{tmp_path}/smtp_whitelist, reject_unauth_destination"
        ),
        "default_transport": "discard:",
    }
    install(tmp_path, ["lmdb"], entries(CLIENT))
    with PrivatePostfix(settings) as relay:
        assert relay.send(CLIENT, FOREIGN).accepted, "an open relay for whoever is exempt"
        assert relay.send(OTHER, FOREIGN).code == 554


def test_check_client_access_with_a_missing_table_is_an_error_for_everybody(
    tmp_path: Path,
) -> None:
    (tmp_path / "smtp_whitelist.lmdb").unlink()
    with PrivatePostfix(main_cf=snippet(1, "main.cf", tmp_path)) as relay:
        reply = relay.send(OTHER)
        assert reply.code == 451
        assert "4.3.5" in reply.text


def test_the_look_up_prints_the_expiry_or_nothing(tmp_path: Path) -> None:
    command = shlex.split(snippet(0, "sh", tmp_path))
    command[0] = require("postmap", "postfix")
    install(tmp_path, ["lmdb"], entries("140.114.64.154", expiry=1764001328))
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (0, "1764001328\n")
    install(tmp_path, ["lmdb"], {})
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (1, "")


def test_the_keeper_starts_by_the_documents_command(tmp_path: Path) -> None:
    command = shlex.split(snippet(1, "sh", tmp_path))
    process = start([sys.executable, *command[1:]], stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline().decode() == f"keeper: keeping {tmp_path} (lmdb)\n"
    stop(process)
