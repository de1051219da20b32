"""Files are replaced whole or not at all; one writer at a time."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from relay_agent.errors import LockTimeoutError, MissingFolderError
from relay_agent.files import folder_lock, lock_record, remove_strays, replace_file


def test_a_file_is_created_readable_for_all_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert replace_file(tmp_path / "map", b"one\n")
    finally:
        os.umask(before)
    assert (tmp_path / "map").read_bytes() == b"one\n"
    assert (tmp_path / "map").stat().st_mode & 0o777 == 0o644


def test_equal_bytes_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "map"
    replace_file(path, b"one\n")
    before = path.stat()
    assert not replace_file(path, b"one\n")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_old_file_stays_whole_for_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "map"
    replace_file(path, b"one\n")
    with path.open("rb") as reader:
        assert replace_file(path, b"two\n")
        assert reader.read() == b"one\n"
        assert os.fstat(reader.fileno()).st_nlink == 0, "Postfix tells a new file by this"
    assert path.read_bytes() == b"two\n"


def test_a_failed_replacement_leaves_the_file_and_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "map").mkdir()
    with pytest.raises(OSError, match="map"):
        replace_file(tmp_path / "map", b"one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["map"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFolderError, match="gone does not exist"):
        replace_file(tmp_path / "gone" / "map", b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    replace_file(tmp_path / "map", b"one\n")
    assert (tmp_path / "map").stat().st_uid == 65534


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".build-abc").mkdir()
    (tmp_path / ".build-abc" / "main.cf").touch()
    for name in (".smtp_whitelist.x1.tmp", "smtp_whitelist", "smtp_whitelist.lmdb", "notes.tmp"):
        (tmp_path / name).touch()
    remove_strays(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "notes.tmp",
        "smtp_whitelist",
        "smtp_whitelist.lmdb",
    ]


def test_the_folder_has_one_writer_at_a_time_among_threads_too(tmp_path: Path) -> None:
    inside: list[str] = []

    def write(name: str) -> None:
        with folder_lock(tmp_path, timeout=30):
            inside.append(f"{name} in")
            time.sleep(0.01)
            inside.append(f"{name} out")

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inside) == 16
    for came, went in zip(inside[::2], inside[1::2], strict=True):
        assert came.split()[0] == went.split()[0]


def test_waiting_for_the_folder_ends_with_a_clear_error(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path, timeout=1),
        pytest.raises(LockTimeoutError, match=r"stayed locked by another process for 0\.05 s"),
        folder_lock(tmp_path, timeout=0.05),
    ):
        pass


def test_our_record_lock_outlives_the_closing_of_another_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.touch()
    fd = os.open(path, os.O_RDWR)
    lock_record(fd, fcntl.F_WRLCK, path, 1)
    os.close(os.open(path, os.O_RDWR))  # would drop a lock that the process owns
    other = os.open(path, os.O_RDWR)
    try:
        with pytest.raises(LockTimeoutError):
            lock_record(other, fcntl.F_RDLCK, path, 0.05)
    finally:
        os.close(other)
        os.close(fd)


def test_our_record_lock_and_postfixs_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.touch()
    fd, ours = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_SH)  # the kind that Postfix takes
    try:
        lock_record(ours, fcntl.F_RDLCK, path, 1)
        with pytest.raises(LockTimeoutError):
            lock_record(ours, fcntl.F_WRLCK, path, 0.05)
    finally:
        os.close(ours)
        os.close(fd)
