"""Exim, sendmail and rspamd read the files as docs/relay-formats.md says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from relay_agent.formats import install_formats
from tests.real.parts import SYSTEM_PATH, require, require_namespace, require_unpacked
from tests.relay_agent.test_formats_rendering import LOW, V4, V6, records

DOCUMENT = Path(__file__).parents[2] / "docs" / "relay-formats.md"
FOLDER = "/var/lib/smtp-whitelist-agent/map"
OTHER = "140.114.64.155"
NOW = 100.0
# Exim asks for its own user when it starts; this machine need not have it.
AS_EXIM = (
    'mount --bind "$1/passwd" /etc/passwd; mount --bind "$1/group" /etc/group; shift; exec "$@"'
)


def snippet(kind: str, folder: Path) -> str:
    found = re.search(
        rf"^```{re.escape(kind)}\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    assert FOLDER in found[1]
    return found[1].replace(FOLDER, str(folder))


def exim(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """What Exim prints with the document's host list and ACL."""
    program = require_unpacked("usr/sbin/exim4")
    users = {"passwd": "Debian-exim:x:64990:64990::/:/bin/false", "group": "Debian-exim:x:64990:"}
    for name, line in users.items():
        (folder / name).write_text(Path("/etc", name).read_text() + line + "\n")
    main, _, acl = snippet("exim.conf", folder).partition("begin acl")
    config = folder / "exim.conf"
    config.write_text(
        f"primary_hostname = relay.example.org\nexim_user = root\nexim_group = root\n"
        f"log_file_path = {folder}/%slog\nspool_directory = {folder}/spool\nkeep_environment =\n"
        f"disable_ipv6 = false\n{main}begin acl{acl}"
    )
    done = subprocess.run(
        [require_namespace("-m"), "-m", "sh", "-euc", AS_EXIM, "sh", folder, program, "-C", config,
         *arguments],
        capture_output=True, check=False, timeout=30, env={"PATH": SYSTEM_PATH}, input=given,
    )  # fmt: skip
    return done.stdout.decode() + done.stderr.decode()


def listed(folder: Path, address: str) -> str:
    return exim(
        folder, "-be", f"${{if match_ip{{{address}}}{{+smtp_whitelist}}{{yes}}{{no}}}}"
    ).strip()


@pytest.mark.parametrize(
    ("address", "answer"),
    [(V4, "yes"), (V6, "yes"), (LOW, "yes"), (OTHER, "no"), ("2001:288:e001::65", "no")],
)
def test_exim_finds_whom_the_file_names_and_nobody_else(
    address: str, answer: str, tmp_path: Path
) -> None:
    install_formats(tmp_path, ["exim"], records(V4, V6, LOW), NOW)
    assert listed(tmp_path, address) == answer


def test_exim_takes_the_documents_configuration_and_an_empty_file(tmp_path: Path) -> None:
    install_formats(tmp_path, ["exim"], {}, NOW)
    assert f"Configuration file is {tmp_path}/exim.conf" in exim(tmp_path, "-bV")
    assert listed(tmp_path, V4) == "no"


def test_exim_without_the_file_is_an_error(tmp_path: Path) -> None:
    assert "failed to open" in listed(tmp_path, V4)


def rcpt(folder: Path, address: str, times: int = 1) -> list[str]:
    """The replies to RCPT in a session with Exim that comes from `address`."""
    lines = [
        "EHLO x.example",
        "MAIL FROM:<a@x.example>",
        *["RCPT TO:<b@y.example>"] * times,
        "QUIT",
    ]
    said = exim(
        folder, "-bs", "-oMa", address, given="".join(f"{line}\r\n" for line in lines).encode()
    )
    replies = [line.strip() for line in said.splitlines() if re.match(r"[245]\d\d ", line)]
    return [line[:3] for line in replies[3:-1]]


def test_the_documents_acl_refuses_everybody_for_now_while_the_file_is_missing(
    tmp_path: Path,
) -> None:
    assert rcpt(tmp_path, V4) == ["421"]
    install_formats(tmp_path, ["exim"], {}, NOW)
    assert rcpt(tmp_path, V4) == ["550"]


def test_the_documents_acl_lifts_the_limit_and_does_not_open_the_relay(tmp_path: Path) -> None:
    (tmp_path / "spool" / "db").mkdir(parents=True)
    install_formats(tmp_path, ["exim"], records(V4), NOW)
    assert rcpt(tmp_path, V4, 102) == ["550"] * 102
    assert rcpt(tmp_path, OTHER, 102)[-1] == "451"


SENDMAIL_CF = """\
V10/Berkeley
Kaccess hash -T<TMPF> {folder}/access
O QueueDirectory={folder}
"""


def makemap(folder: Path) -> None:
    """The document's command, with our makemap and folders, as a shell runs it."""
    program = require_unpacked("usr/libexec/sendmail/makemap")
    (folder / "sendmail.cf").write_text(SENDMAIL_CF.format(folder=folder))
    command = snippet("sh", folder).replace("/etc/mail", str(folder))
    command = command.replace("makemap", f"{program} -C {folder}/sendmail.cf")
    subprocess.run(["sh", "-euc", command], check=True, timeout=30, env={"PATH": SYSTEM_PATH})


def rows(folder: Path) -> set[str]:
    program = require_unpacked("usr/libexec/sendmail/makemap")
    done = subprocess.run(
        [program, "-C", folder / "sendmail.cf", "-u", "hash", folder / "access.db"],
        capture_output=True, check=True, timeout=30, env={"PATH": SYSTEM_PATH},
    )  # fmt: skip
    return set(done.stdout.decode().splitlines())


def test_makemap_takes_the_lines_beside_the_sites_own(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("ClientRate:\t10\n")
    install_formats(tmp_path, ["sendmail"], records(V4, V6), NOW)
    makemap(tmp_path)
    long = "2001:288:e001:0:0:0:0:64"
    clients = [V4, f"ipv6:{long}"]
    keys = [f"{tag}:{who}" for tag in ("clientrate", "clientconn") for who in clients]
    assert rows(tmp_path) == {"clientrate:\t10", *(f"{key}\t0" for key in keys)}
    install_formats(tmp_path, ["sendmail"], {}, NOW)
    makemap(tmp_path)
    assert rows(tmp_path) == {"clientrate:\t10"}


def test_rspamd_takes_the_documents_map(tmp_path: Path) -> None:
    program = require("rspamadm", "rspamd")
    install_formats(tmp_path, ["rspamd"], records(V4), NOW)
    config = tmp_path / "rspamd.conf"
    config.write_text(
        f'.include "/etc/rspamd/common.conf"\nmultimap {{\n{snippet("ucl", tmp_path)}}}\n'
    )
    done = subprocess.run(
        [program, "configtest", "-c", config], capture_output=True, check=False, timeout=60
    )
    assert "syntax OK" in done.stdout.decode()
