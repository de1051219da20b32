"""Install, prepare and run the whole service on this machine: `make run`."""

from __future__ import annotations

import http.client
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from surroundings import (
    ROOT,
    CannotRun,
    check_folder,
    check_port,
    complete,
    make_secret,
    reachable,
    signal_when_parent_ends,
    simulates,
)

PYTHON = ROOT / ".venv" / "bin" / "python"
UP_WITHIN = 60.0  # seconds


def say(text: str) -> None:
    print(f"make run: {text}", flush=True)


def check_place() -> None:
    """All that can be told before the long work."""
    check_port(os.environ["BIND"], os.environ["PORT"])
    for name in ("VAR_DIR", "ACCESS_MAP_DIR"):
        check_folder(Path(os.environ[name]))
    if os.environ.get("SECRET_KEY_FILE") == f"{os.environ['VAR_DIR']}/secret_key":
        make_secret(Path(os.environ["SECRET_KEY_FILE"]))


class StepFailed(Exception):
    """A step has failed, and has said why itself."""


def run_step(*command: str | Path) -> None:
    """Raises `StepFailed`."""
    result = subprocess.run(command, check=False, cwd=ROOT, env=os.environ)
    if result.returncode != 0:
        raise StepFailed


def make_demo_staff() -> None:
    """An account of the back office for the demo, with a password of its own, once."""
    password_file = demo_password_file()
    if password_file.exists():
        return
    password = secrets.token_urlsafe(12)
    account = {
        "DJANGO_SUPERUSER_USERNAME": "demo",
        "DJANGO_SUPERUSER_EMAIL": "demo@example.edu.tw",
        "DJANGO_SUPERUSER_PASSWORD": password,
    }
    created = subprocess.run(
        [PYTHON, "manage.py", "createsuperuser", "--noinput"],
        check=False,
        cwd=ROOT,
        env={**os.environ, **account},
        capture_output=True,
    )
    if created.returncode == 0:
        password_file.touch(mode=0o600)
        password_file.write_text(f"{password}\n", encoding="ascii")


def for_processes() -> dict[str, str]:
    """The path lets the Procfile say `python`; and who runs this as root need not be told so."""
    quiet = "ignore:You're running the worker with superuser privileges"
    given = os.environ.get("PYTHONWARNINGS")
    return {
        "PATH": f"{PYTHON.parent}:{os.environ.get('PATH', '')}",
        "PYTHONWARNINGS": f"{given},{quiet}" if given else quiet,
    }


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [PYTHON, ROOT / "bin" / "supervise.py"],
        cwd=ROOT,
        env={**os.environ, **for_processes()},
        # Ctrl-C reaches this process alone, which passes it on once.
        start_new_session=True,
        # Should this process be killed, the supervisor stops all.
        preexec_fn=partial(signal_when_parent_ends, signal.SIGTERM),  # noqa: PLW1509  no other thread runs yet
    )


def answers() -> bool:
    host = reachable(os.environ["BIND"])
    connection = http.client.HTTPConnection(host, int(os.environ["PORT"]), timeout=5)
    try:
        name = urlsplit(os.environ["BASE_URL"]).netloc
        connection.request("GET", "/healthz", headers={"Host": name})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def announce_when_up(service: subprocess.Popen[bytes], began: float) -> None:
    deadline = time.monotonic() + UP_WITHIN
    while service.poll() is None and time.monotonic() < deadline:
        if answers():
            print(banner(time.monotonic() - began), flush=True)
            return
        time.sleep(0.1)
    if service.poll() is None:
        say(f"the web process did not answer /healthz within {UP_WITHIN:.0f} seconds")


def banner(seconds: float) -> str:
    base = os.environ["BASE_URL"].rstrip("/")
    rows = [("The service", f"{base}/")]
    if simulates(os.environ):
        rows.insert(0, ("Start here", f"{base}/portal-simulator/   (a stand-in campus portal)"))
    rows += [
        ("Back office", f"{base}/admin/   ({staff_account()})"),
        ("Access map", os.environ["ACCESS_MAP_DIR"]),
    ]
    lines = [f"  {name:<13}{value}" for name, value in rows]
    lines = [f"The service is up, after {seconds:.1f} seconds.", *lines, "Ctrl-C stops everything."]
    line = "-" * max(map(len, lines))
    return "\n".join(["", line, *lines, line, ""])


def staff_account() -> str:
    password_file = demo_password_file()
    if simulates(os.environ) and password_file.exists():
        return f"user demo, password {password_file.read_text().strip()}"
    return "`make staff` makes an account"


def demo_password_file() -> Path:
    return Path(os.environ["VAR_DIR"]) / "demo_staff_password"


def supervise(began: float) -> int:
    """Run until a signal comes or a process ends; the exit status."""
    stopping = threading.Event()
    service = start()

    def stop(_number: int, _frame: object) -> None:
        stopping.set()
        if service.poll() is None:
            service.terminate()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=announce_when_up, args=(service, began), daemon=True).start()
    status = service.wait()
    if stopping.is_set():
        say("stopped")
        return 0
    say("a process ended by itself, see above, so the others were stopped")
    return status or 1


def main() -> int:
    began = time.monotonic()
    complete(os.environ)
    check_place()
    run_step(ROOT / "bin" / "install")
    run_step(PYTHON, ROOT / "bin" / "prepare.py")
    if simulates(os.environ):
        make_demo_staff()
    return supervise(began)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StepFailed:
        sys.exit(1)
    except CannotRun as error:
        sys.exit(f"make run: {error}")
    except KeyboardInterrupt:
        sys.exit("make run: stopped before it was up")
