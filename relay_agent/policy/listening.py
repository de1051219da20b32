"""The socket on which the policy service listens."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

BACKLOG = 256


def listening_socket(listen: str, mode: int) -> socket.socket:
    """For "unix:/path" or "inet:host:port". Raises OSError; ValueError for another form.

    A unix socket that a killed agent left is replaced, one where somebody answers is not.
    """
    kind, _, rest = listen.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return _unix(Path(rest), mode)
    host, colon, port = rest.rpartition(":")
    if kind == "inet" and colon and port.isascii() and port.isdigit():
        return _inet(host.removeprefix("[").removesuffix("]"), int(port))
    raise ValueError(f"{listen!r} is neither unix:/path nor inet:host:port")


def socket_at(listen: str) -> tuple[int, int] | None:
    """Device and inode of the unix socket that is there now: another's is not ours to remove."""
    if not listen.startswith("unix:"):
        return None
    try:
        found = Path(listen.removeprefix("unix:")).lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


def _inet(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _unix(path: Path, mode: int) -> socket.socket:
    """Bound beside and renamed, so that it is never there with another mode or not yet ready."""
    _refuse_foreign(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(beside))
        beside.chmod(mode)
        listener.listen(BACKLOG)
        beside.replace(path)
    except BaseException:
        listener.close()
        beside.unlink(missing_ok=True)
        raise
    return listener


def _refuse_foreign(path: Path) -> None:
    """Raise OSError where a living server, or something that is no socket, is at our path."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EEXIST, "it is there, and no socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
    raise OSError(errno.EADDRINUSE, "somebody answers there", str(path))
