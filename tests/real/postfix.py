"""A private Postfix: one smtpd that limits its clients, and a transport that discards."""

from __future__ import annotations

import os
import re
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.real.parts import require, require_root
from tests.real.processes import accepts, free_port, start_guarded, stop, wait_until

HOST = "127.0.0.1"
CLIENT = "127.0.0.5"
RECIPIENT = "someone@example.net"
QUEUE_FOLDERS = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "pid", "private", "public", "saved", "trace",
]  # fmt: skip
SETTINGS = {
    "compatibility_level": "3.6",
    "maillog_file_prefixes": "/tmp, /var",
    "inet_interfaces": HOST,
    "inet_protocols": "ipv4",
    "myhostname": "relay.example.org",
    "mydestination": "",
    "local_recipient_maps": "",
    "alias_maps": "",
    "alias_database": "",
    "relay_domains": "example.net",
    "relay_transport": "discard:",
    "default_transport": "error:5.1.1 this relay delivers nowhere else",
    "mynetworks": "",
    "disable_dns_lookups": "yes",
    "smtpd_peername_lookup": "no",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    "smtpd_client_message_rate_limit": "2",
    "anvil_rate_time_unit": "1h",
    "anvil_status_update_time": "1h",
    "smtpd_error_sleep_time": "0",
    "smtpd_soft_error_limit": "100000",
    "smtpd_hard_error_limit": "200000",
    "smtpd_timeout": "60s",
}
MASTER_CF = """\
{host}:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
discard unix - - n - - discard
error unix - - n - - error
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
"""


class Reply(NamedTuple):
    """What the relay said to the first command that it refused, or to the end of the message."""

    code: int
    text: str

    @property
    def accepted(self) -> bool:
        return self.code == 250

    @property
    def throttled(self) -> bool:
        return self.code == 450 and "too much mail" in self.text


class Session:
    """An SMTP connection from `source` that stays open for several messages."""

    def __init__(self, port: int, source: str = CLIENT) -> None:
        self.smtp = smtplib.SMTP(
            HOST, port, local_hostname="client.example.org", source_address=(source, 0), timeout=30
        )
        self.smtp.ehlo()

    def send(self, recipient: str = RECIPIENT) -> Reply:
        """One small message."""
        code, text = self.smtp.mail("sender@example.org")
        if code == 250:
            code, text = self.smtp.rcpt(recipient)
        if code == 250:
            code, text = self._data()
        if code != 250:
            self.smtp.docmd("RSET")
        return Reply(code, text.decode("utf-8", "replace"))

    def _data(self) -> tuple[int, bytes]:
        self.smtp.putcmd("data")
        code, text = self.smtp.getreply()
        if code == 354:
            self.smtp.send(b"Subject: hello\r\n\r\nhello\r\n.\r\n")
            code, text = self.smtp.getreply()
        return code, text

    def close(self) -> None:
        self.smtp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PrivatePostfix:
    """A Postfix of its own for one test; limits each client to two messages an hour.

    `settings` go into main.cf and win over ours; `main_cf` is appended as it is. A client is any
    127.x address that the test sends from.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, main_cf: str = "") -> None:
        self.settings = dict(settings or {})
        self.main_cf = main_cf
        self.folder = Path()
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        require("postfix")
        master = require("master", "postfix")
        require_root("Postfix")
        self.folder = Path(tempfile.mkdtemp(prefix="pf-", dir="/tmp"))
        try:
            self.port = free_port(HOST)
            self._prepare()
            self.process = start_guarded([master, "-c", self.etc])
            wait_until(lambda: accepts(self.port, HOST), "Postfix", process=self.process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(f"Postfix said:\n{self.maillog()[-3000:]}")
        self._end()

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    def session(self, source: str = CLIENT) -> Session:
        """A connection from `source` that stays open."""
        return Session(self.port, source)

    def send(self, source: str = CLIENT, recipient: str = RECIPIENT) -> Reply:
        """One message over a connection of its own."""
        with self.session(source) as session:
            return session.send(recipient)

    def throttle(self, source: str = CLIENT) -> None:
        """Send from `source` until the limit is reached. Fails if it never is."""
        replies = [self.send(source) for _ in range(3)]
        assert replies[-1].throttled, replies

    def maillog(self) -> str:
        """What Postfix has logged."""
        log = self.folder / "maillog"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def wait_for_log(self, pattern: str, timeout: float = 10.0) -> None:
        """Wait until a line of the log matches. Raises NotReadyError."""
        wait_until(lambda: re.search(pattern, self.maillog()), f"log: {pattern}", timeout=timeout)

    def query(self, table: str, key: str) -> str:
        """What `postmap -q` of this Postfix answers: the value, or "" where there is none."""
        command = [require("postmap", "postfix"), "-c", str(self.etc), "-q", key, table]
        return subprocess.run(command, capture_output=True, check=False, text=True).stdout.strip()

    def _prepare(self) -> None:
        self.folder.chmod(0o755)  # smtpd runs as postfix
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir(mode=0o755)
        for name in QUEUE_FOLDERS:
            folder = self.folder / "queue" / name
            folder.mkdir()
            if name != "pid":
                shutil.chown(folder, "postfix", "postdrop" if name == "public" else None)
        shutil.chown(self.folder / "data", "postfix")
        own = {
            "queue_directory": str(self.folder / "queue"),
            "data_directory": str(self.folder / "data"),
            "maillog_file": str(self.folder / "maillog"),
        }
        lines = [f"{key} = {value}" for key, value in (SETTINGS | own | self.settings).items()]
        (self.etc / "main.cf").write_text("\n".join(lines) + "\n" + self.main_cf)
        (self.etc / "master.cf").write_text(MASTER_CF.format(host=HOST, port=self.port))
        before = time.time() - 60  # daemons wait for a young main.cf to settle
        os.utime(self.etc / "main.cf", (before, before))

    def _end(self) -> None:
        if self.process is not None:
            stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)
