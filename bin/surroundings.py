"""The environment of a run on one machine: what the caller gave, completed.

Read by whatever Python 3.11 is at hand, before anything is installed. As a program it runs
Python in these surroundings: `python bin/surroundings.py manage.py createsuperuser`.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import re
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
PR_SET_PDEATHSIG = 1
ON = {"1", "on", "true", "yes"}


class CannotRun(Exception):
    """Why the service cannot be started here, in one line."""


def complete(environment: MutableMapping[str, str]) -> None:
    """Fill in what the caller left open, and write nothing. Raises `CannotRun`."""
    given = {name for name, value in environment.items() if value.strip()}

    def default(name: str, value: str) -> None:
        if name not in given:
            environment[name] = value

    default("BIND", "127.0.0.1")
    # As gunicorn takes it: an IPv6 address in brackets.
    environment["BIND"] = bracketed(environment["BIND"].strip(" []"))
    default("PORT", "8000")
    check_number("PORT", environment["PORT"], 65535)
    # An empty value given on purpose switches the simulator off like any other "off".
    if "PORTAL_ISSUERS_FILE" not in given and "PORTAL_SIMULATOR" not in environment:
        environment["PORTAL_SIMULATOR"] = "on"
    check_simulator(environment)
    default("BASE_URL", f"http://{bracketed(reachable(environment['BIND']))}:{environment['PORT']}")
    default("ALLOWED_HOSTS", ",".join(allowed_hosts(environment["BASE_URL"])))
    default("VAR_DIR", str(ROOT / "var"))
    environment["VAR_DIR"] = str(Path(environment["VAR_DIR"]).absolute())
    default("ACCESS_MAP_DIR", f"{environment['VAR_DIR']}/map")
    default("ACCESS_MAP_TYPES", "lmdb")
    # As the keeper takes them. Of commas alone nothing would remain: the settings refuse those.
    kinds = re.findall(r"[^,\s]+", environment["ACCESS_MAP_TYPES"])
    environment["ACCESS_MAP_TYPES"] = ",".join(kinds) or environment["ACCESS_MAP_TYPES"]
    default("WEB_CONCURRENCY", "1")
    check_number("WEB_CONCURRENCY", environment["WEB_CONCURRENCY"], 256)
    if not given & {"SECRET_KEY", "SECRET_KEY_FILE"}:
        environment["SECRET_KEY_FILE"] = f"{environment['VAR_DIR']}/secret_key"
    environment.setdefault("DJANGO_SETTINGS_MODULE", "whitelist_site.settings")
    # Lines of the processes must come out as they are written.
    environment.setdefault("PYTHONUNBUFFERED", "1")


def reachable(bind: str) -> str:
    """An address that reaches a server which listens on BIND."""
    return EVERY_ADDRESS.get(bind.strip("[]"), bind.strip("[]"))


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def allowed_hosts(base_url: str) -> list[str]:
    hosts = ["127.0.0.1", "localhost", "[::1]"]
    try:
        host = urlsplit(base_url).hostname
    except ValueError as error:
        raise CannotRun(f"BASE_URL={base_url} is not a URL: {error}") from error
    if host and bracketed(host) not in hosts:
        hosts.append(bracketed(host))
    return hosts


def simulates(environment: MutableMapping[str, str]) -> bool:
    return environment.get("PORTAL_SIMULATOR", "").strip().lower() in ON


def check_number(name: str, value: str, most: int) -> None:
    if not (re.fullmatch(r"[0-9]{1,9}", value) and 0 < int(value) <= most):
        raise CannotRun(f"{name}={value} is not a whole number from 1 to {most}")


def check_simulator(environment: MutableMapping[str, str]) -> None:
    """Raises `CannotRun` where others than this machine could reach the portal simulator."""
    if simulates(environment) and not loopback(environment["BIND"].strip("[]")):
        raise CannotRun(
            f"BIND={environment['BIND']} lets others reach the portal simulator, which signs "
            "anybody in; set PORTAL_ISSUERS_FILE, or PORTAL_SIMULATOR=off"
        )


def loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def check_folder(folder: Path) -> None:
    """Raises `CannotRun` unless files can be made in FOLDER, which is created."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotRun(f"the folder {folder} cannot be written: {error.strerror}") from error


def check_port(bind: str, port: str) -> None:
    """Raises `CannotRun` unless this process could listen there."""
    address = bind.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, int(port)))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CannotRun(
                f"cannot listen on {bind}:{port}: {why}; choose another PORT"
            ) from error


def make_secret(file: Path) -> None:
    """A key of this machine's own, readable by its owner alone; an existing one is kept."""
    if file.exists():
        return
    hidden = file.with_name(f".{file.name}-{os.getpid()}")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="ascii") as out:  # noqa: PTH123  a descriptor
        out.write(secrets.token_urlsafe(64) + "\n")
    # Complete from the first moment, and never in place of one that came in between.
    try:
        os.link(hidden, file)
    except FileExistsError:
        pass
    finally:
        hidden.unlink()


def signal_when_parent_ends(number: signal.Signals) -> None:
    """In a child: the kernel sends it this signal when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


if __name__ == "__main__":
    try:
        complete(os.environ)
    except CannotRun as error:
        sys.exit(str(error))
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])  # noqa: S606
