"""The whole service as its users have it: the processes of the Procfile, in its own folder.

Nothing is replaced: the same commands, settings from the environment, a database of its own
(SQLite, or the one that the caller names), the broker likewise.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from portal_auth.development_key import development_key
from portal_auth.issuers import SIMULATOR_KID, SIMULATOR_PATH
from portal_auth.minting import Member, mint, ticket_claims
from tests.real.processes import free_port, start, stop, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"
PREPARED: list[Path] = []  # the VAR_DIR of a service that has not run yet
NAMES = ("web", "worker", "beat", "keeper")
# What following name servers needs besides.
REGISTRY = ("registry", "notify")
# Settings of whoever runs the tests that must not reach the service under test.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")


def procfile() -> dict[str, str]:
    """The command of each process."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    pairs = [line.split(":", 1) for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): command.strip() for name, command in pairs}


class Service:
    """Web, worker, beat and keeper, and what else is named.

    `settings` are environment settings and win over ours.
    """

    def __init__(self, *also: str, **settings: str) -> None:
        self.names = (*NAMES, *also)
        self.settings = settings
        self.folder = Path()
        self.port = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="whitelist-service-"))
        self.folder.chmod(0o755)  # smtpd reads the map as the user postfix
        self.port = free_port(HOST)
        try:
            self._prepare()
            self.manage("publish_access_map")
            for name in self.names:
                self.start(name)
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.logs())
        self.close()

    def _prepare(self) -> None:
        """A migrated database and static files: made once, then copied, where it is SQLite."""
        if "DATABASE_URL" not in self.settings and PREPARED:
            shutil.copytree(PREPARED[0], self.folder / "var")
            return
        self.manage("migrate", "-v0")
        self.manage("collectstatic", "-v0", "--noinput")
        if "DATABASE_URL" not in self.settings:
            kept = Path(tempfile.mkdtemp(prefix="whitelist-prepared-"))
            atexit.register(shutil.rmtree, kept, ignore_errors=True)
            PREPARED.append(shutil.copytree(self.folder / "var", kept / "var"))

    def close(self) -> None:
        for name in self.names:
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Its processes

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "whitelist_site.settings",
            "SECRET_KEY": "a key for this service only, which lives as long as its test does",
            "VAR_DIR": str(self.folder / "var"),
            "ACCESS_MAP_DIR": str(self.map_folder),
            "ACCESS_MAP_TYPES": "lmdb",
            "PORT": str(self.port),
            "BASE_URL": f"http://{HOST}:{self.port}",
            "ALLOWED_HOSTS": f"{HOST},localhost",
            "PORTAL_SIMULATOR": "on",
            **self.settings,
        }

    @property
    def map_folder(self) -> Path:
        return self.folder / "map"

    @property
    def table(self) -> str:
        """The lookup table as main.cf names it."""
        return f"lmdb:{self.map_folder}/smtp_whitelist"

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = start(
                ["sh", "-c", procfile()[name]],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self, name: str) -> None:
        if name in self.processes:
            stop(self.processes.pop(name))

    def kill(self, name: str) -> None:
        """`kill -9`, with no chance to tidy up, of the process and of its children."""
        process = self.processes.pop(name)
        children = children_of(process.pid)
        for pid in (process.pid, *children):
            kill(pid)
        process.wait()

    def wait_ready(self) -> None:
        wait_until(self.answers, "web", process=self.processes["web"], timeout=60)
        wait_until(self.worker_is_up, "worker", process=self.processes["worker"], timeout=60)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/healthz", timeout=5) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def worker_is_up(self) -> bool:
        """Whether the worker has published since the service started: beat and broker work too."""
        at = self.sql("SELECT count(*) FROM whitelist_accessmap WHERE serial = published_serial")
        children = children_of(self.processes["worker"].pid)
        return bool(at[0][0]) and bool(children)

    def logs(self) -> str:
        texts = [
            f"--- {file.stem}\n{file.read_text('utf-8', 'replace')[-3000:]}"
            for file in sorted(self.folder.glob("*.log"))
        ]
        return "\n".join(texts)

    # Its commands and rows

    def manage(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a management command; what it printed. Fails with what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement in the service's database; `%s` marks parameters."""
        url = self.settings.get("DATABASE_URL", "")
        if url.startswith("postgres"):
            with psycopg.connect(url, autocommit=True) as connection:
                cursor = connection.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        file = self.folder / "var" / "whitelist.sqlite3"
        with sqlite3.connect(file, timeout=20, isolation_level=None) as connection:
            rows = connection.execute(statement.replace("%s", "?"), parameters)
            return rows.fetchall()

    def instant(self, moment: datetime) -> str | datetime:
        """An instant as a parameter of `sql`: SQLite keeps text in UTC."""
        if self.settings.get("DATABASE_URL", "").startswith("postgres"):
            return moment
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    def register(self, addresses: Mapping[str, str]) -> None:
        """Make the addresses ones that may be whitelisted, with the given names."""
        self.manage(
            "import_networks", "-", stdin="cidr,kind,unit,contact\n127.0.0.0/8,static,Test,\n"
        )
        lines = "".join(f"{address},{name}\n" for address, name in addresses.items())
        self.manage("import_registry", "-", "--format", "csv", stdin=f"address,hostname\n{lines}")

    def ticket(self, subject: str, role: str, status: str) -> str:
        """A ticket as the simulator signs it, by the service's development key."""
        now = datetime.now(UTC)
        base = self.environment["BASE_URL"]
        claims = ticket_claims(
            Member(subject, role, status, email=f"{subject}@example.edu.tw"),
            iss=f"{base}{SIMULATOR_PATH.rstrip('/')}",
            aud=base,
            issued_at=now,
            signed_in_at=now,
        )
        return mint(claims, development_key(self.folder / "var"), kid=SIMULATOR_KID)

    def make_staff(self, name: str, password: str) -> None:
        """An administrator of the back office."""
        self.settings["DJANGO_SUPERUSER_PASSWORD"] = password
        self.manage(
            "createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.edu.tw"
        )
        del self.settings["DJANGO_SUPERUSER_PASSWORD"]

    def allow_many_requests(self) -> None:
        self.sql("UPDATE whitelist_servicesettings SET requests_per_day = 0")

    def bring_expiry_forward(self, address: str, expiry: int) -> None:
        """Let the address's entry end at that Unix time; a whole term would be long to wait for.

        As the service does where a name is lost: the expiry changes, and the map's serial.
        """
        self.sql(
            "UPDATE whitelist_whitelistentry SET expires_at = %s"
            " WHERE address = %s AND ended_at IS NULL",
            [self.instant(datetime.fromtimestamp(expiry, UTC)), address],
        )
        self.sql("UPDATE whitelist_accessmap SET serial = serial + 1")

    def captcha_answer(self, key: str) -> str:
        rows = self.sql("SELECT response FROM captcha_captchastore WHERE hashkey = %s", [key])
        assert rows, f"no captcha {key}"
        return str(rows[0][0])

    def active_addresses(self) -> set[str]:
        """What the database says is exempt now."""
        rows = self.sql(
            "SELECT address, expires_at FROM whitelist_whitelistentry WHERE ended_at IS NULL"
        )
        now = time.time()
        return {str(address) for address, expires_at in rows if timestamp(expires_at) > now}


def timestamp(value: Any) -> float:
    """Seconds of an instant as the database gives it: text in UTC from SQLite, else aware."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()
    return float(value.timestamp())


def children_of(pid: int) -> list[int]:
    """Pids of the direct children of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(word) for word in text.split()]


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
