"""A broken table is mended by a new one beside it, and never kills who mends it."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from relay_agent.errors import BrokenTable
from relay_agent.lmdb_table import read_lmdb, update_lmdb
from relay_agent.text import IPAddress
from tests.relay_agent.tools import LMDB, as_text, entries, listed, many, seeded

PAGE = 4096


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[IPAddress, int]]:
    """A table with a history: several levels, free pages, both meta pages in use."""
    path = tmp_path_factory.mktemp("worn") / LMDB
    for wanted in (many(900), many(700, first=300), many(800, first=100), many(820, first=120)):
        update_lmdb(path, wanted)
    return path.read_bytes(), many(820, first=120)


def mended(path: Path, content: bytes, wanted: dict[IPAddress, int]) -> bool:
    """Put `content` there and update. Whether the file was replaced; the old one must stay whole.

    Afterwards the table must be right, and must go on in place: nothing unsound was taken over.
    """
    path.write_bytes(content)
    with path.open("rb") as held:
        change = update_lmdb(path, wanted)
        if change.rebuilt:
            assert held.read() == content, "whoever maps the old file must not see it shrink"
            assert os.fstat(held.fileno()).st_nlink == 0
    assert read_lmdb(path) == wanted
    wanted = wanted | entries("192.0.2.1")
    assert not update_lmdb(path, wanted).rebuilt
    assert read_lmdb(path) == wanted
    return change.rebuilt


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        bytes(2 * PAGE),
        bytes(64 * PAGE),
        b"no table at all\n" * 1000,
        seeded(1).randbytes(32 * PAGE),
    ],
    ids=["empty", "a byte", "two pages of zeros", "zeros", "text", "noise"],
)
def test_a_file_that_is_no_table_is_replaced(tmp_path: Path, content: bytes) -> None:
    assert mended(tmp_path / LMDB, content, many(5))
    assert listed("lmdb", tmp_path / "smtp_whitelist", tmp_path) == as_text(
        many(5) | entries("192.0.2.1")
    )


def test_a_table_cut_anywhere_within_its_used_pages_is_replaced(
    tmp_path: Path, worn: tuple[bytes, dict[IPAddress, int]]
) -> None:
    content, wanted = worn
    draw = seeded(2)
    lengths = [0, 1, 16, 100, PAGE - 1, PAGE, PAGE + 100, 2 * PAGE, 3 * PAGE, len(content) // 2]
    lengths += [draw.randrange(len(content) // 2) for _ in range(60)]
    for length in lengths:
        assert mended(tmp_path / LMDB, content[:length], wanted), length


def test_reading_a_cut_table_says_that_it_is_broken(
    tmp_path: Path, worn: tuple[bytes, dict[IPAddress, int]]
) -> None:
    for length in range(0, 4 * PAGE, 777):
        (tmp_path / LMDB).write_bytes(worn[0][:length])
        with pytest.raises(BrokenTable, match=LMDB):
            read_lmdb(tmp_path / LMDB)


@pytest.mark.parametrize(
    ("seed", "times"),
    [(1, 75), pytest.param(2, 3000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_whatever_is_altered_the_table_comes_right_and_we_live(
    tmp_path: Path, worn: tuple[bytes, dict[IPAddress, int]], seed: int, times: int
) -> None:
    content, wanted = worn
    draw = seeded(seed)
    replaced = [
        mended(tmp_path / LMDB, altered(bytearray(content), draw), wanted) for _ in range(times)
    ]
    assert any(replaced)
    assert not all(replaced), "a harmless change does not need a new file"


def altered(content: bytearray, draw: Random) -> bytes:
    """Bits flipped, bytes zeroed or noise, in page headers or anywhere; or two pages swapped."""
    kind = draw.choice(["bit", "header", "zeros", "noise", "swap"])
    if kind == "swap":
        one, two = (draw.randrange(len(content) // PAGE) * PAGE for _ in range(2))
        first = content[one : one + PAGE]
        content[one : one + PAGE] = content[two : two + PAGE]
        content[two : two + PAGE] = first
        return bytes(content)
    for _ in range(draw.choice([1, 1, 3, 20])):
        place = draw.randrange(len(content) - 64)
        if kind == "header":
            place = place // PAGE * PAGE + draw.randrange(160)
        if kind in {"bit", "header"}:
            content[place] ^= 1 << draw.randrange(8)
        else:
            content[place : place + 64] = bytes(64) if kind == "zeros" else draw.randbytes(64)
    return bytes(content)


def test_every_single_bit_of_the_meta_pages_may_flip(tmp_path: Path) -> None:
    path = tmp_path / LMDB
    update_lmdb(path, entries("10.0.0.1"))
    update_lmdb(path, {})  # an empty tree, whose numbers are believed most easily
    content = path.read_bytes()
    for start in (0, PAGE):
        for bit in range(0, 168 * 8, 11):
            flipped = bytearray(content)
            flipped[start + bit // 8] ^= 1 << bit % 8
            mended(path, bytes(flipped), entries("10.0.0.2"))


def test_a_folder_in_the_tables_place_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / LMDB).mkdir()
    with pytest.raises(OSError, match=LMDB):
        update_lmdb(tmp_path / LMDB, {})
    assert [path.name for path in tmp_path.iterdir()] == [LMDB]
