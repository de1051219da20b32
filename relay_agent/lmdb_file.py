"""Reads an LMDB file without lmdb: every page is checked, nothing is mapped.

LMDB trusts its file. A cut one kills whoever maps it (SIGBUS), an altered one may (SIGSEGV, or
a lookup that never ends). We are the ones who repair such a file, so we must not die of it, and
must not hand it to lmdb before it is known to be sound. Reading it here takes 2 µs a record,
a subprocess that probes it with lmdb takes 20 to 100 ms, and sees only what reading touches.

The format is LMDB 0.9's (data version 1), little-endian, as liblmdb writes it without
MDB_WRITEMAP: two meta pages, then two trees, the free pages' and the records'.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from relay_agent.errors import BrokenTable
from relay_agent.text import Records

PAGE_HEADER = struct.Struct("<QHHHH")  # page number, padding, flags, lower, upper
META = struct.Struct("<IIQQ48s48sQQ")  # magic, version, address, map size, two trees, last, txn
TREE = struct.Struct("<IHHQQQQQ")  # page size, flags, depth, branches, leaves, overflow, n, root
NODE = struct.Struct("<HHHH")  # size or page number, low and high; flags; key length
NUMBER = struct.Struct("<Q")

MAGIC, VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF, OVERFLOW, META_PAGE = 0x01, 0x02, 0x04, 0x08
BIG_VALUE = 0x01
INTEGER_KEY, OTHER_ORDERS = 0x08, 0x76  # reverse keys and all kinds of duplicates
NO_ROOT = 2**64 - 1
LONGEST_KEY = 511
DEEPEST = 32
LARGEST_MAP = 2**44


class Tree(NamedTuple):
    """One of the two trees of a file, as its meta page tells."""

    page_size: int
    flags: int
    depth: int
    branches: int
    leaves: int
    overflow: int
    entries: int
    root: int


class Meta(NamedTuple):
    """The newer of the two meta pages: where a reader starts."""

    page_size: int
    free: Tree
    main: Tree
    last_page: int
    transaction: int


class _UnsoundError(Exception):
    """Why a file is broken; becomes BrokenTable where its path is known."""


def check_lmdb(fd: int, path: Path) -> Records:
    """The records, with their final NULs. Raises BrokenTable unless every page in use is sound.

    Hold the table's lock while calling. A page that the disk cannot deliver is broken too.
    """
    try:
        return _Reader(fd).records()
    except (_UnsoundError, struct.error) as error:
        raise BrokenTable(path, str(error)) from error
    except OSError as error:
        raise BrokenTable(path, f"it cannot be read: {error.strerror}") from error


def last_transaction(fd: int) -> int:
    """The number of the last commit, 0 if it cannot be told. Cheap; needs no lock."""
    try:
        return _read_meta(fd).transaction
    except (_UnsoundError, struct.error, OSError):
        return 0


def _read_meta(fd: int) -> Meta:
    """Raises _UnsoundError unless both meta pages are sound, as lmdb itself wants them."""
    first = _parse_meta(os.pread(fd, PAGE_HEADER.size + META.size, 0), 0)
    second = _parse_meta(os.pread(fd, PAGE_HEADER.size + META.size, first.page_size), 1)
    if first.page_size != second.page_size:
        raise _UnsoundError("its two meta pages differ in page size")
    return second if second.transaction > first.transaction else first


def _parse_meta(data: bytes, number: int) -> Meta:
    if len(data) < PAGE_HEADER.size + META.size:
        raise _UnsoundError(f"meta page {number} is cut")
    page, _, flags, _, _ = PAGE_HEADER.unpack_from(data)
    magic, version, address, map_size, free, main, last, transaction = META.unpack_from(
        data, PAGE_HEADER.size
    )
    if (page, flags, magic, version, address) != (number, META_PAGE, MAGIC, VERSION, 0):
        raise _UnsoundError(f"meta page {number} is not LMDB's")
    trees = Tree(*TREE.unpack(free)), Tree(*TREE.unpack(main))
    meta = Meta(trees[0].page_size, *trees, last, transaction)
    _check_meta(meta, map_size)
    if transaction and transaction & 1 != number:
        raise _UnsoundError("a commit in the wrong meta page")
    return meta


def _check_meta(meta: Meta, map_size: int) -> None:
    size = meta.page_size
    if size & (size - 1) or not 512 <= size <= 32768:
        raise _UnsoundError(f"a page size of {size}")
    if map_size % size or not (meta.last_page + 1) * size <= map_size <= LARGEST_MAP:
        raise _UnsoundError(f"a map size of {map_size}")
    if meta.last_page < 1 or meta.transaction > NO_ROOT >> 1:
        raise _UnsoundError("a meta page with impossible numbers")
    if meta.main.flags or meta.main.page_size:
        raise _UnsoundError("records are not kept in plain order")
    if not meta.free.flags & INTEGER_KEY or meta.free.flags & OTHER_ORDERS:
        raise _UnsoundError("free pages are not kept in LMDB's order")


@dataclass
class _Reader:
    """One pass over a file. Each page may be used once."""

    fd: int
    used: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.meta = _read_meta(self.fd)

    def records(self) -> Records:
        walk = _Walk(self, self.meta.main)
        records = dict(walk.pairs())
        self._check_free_pages()
        return records

    def claim(self, number: int, count: int = 1) -> None:
        """Note that pages are in use. Raises unless they exist and are used nowhere else."""
        wanted = range(number, number + count)
        if number < 2 or count < 1 or wanted[-1] > self.meta.last_page:
            raise _UnsoundError(f"page {number} does not exist")
        if not self.used.isdisjoint(wanted):
            raise _UnsoundError(f"page {number} is used twice")
        self.used.update(wanted)

    def page(self, number: int, count: int = 1) -> bytes:
        size = self.meta.page_size * count
        data = os.pread(self.fd, size, number * self.meta.page_size)
        if len(data) < size:
            raise _UnsoundError(f"it ends before page {number} does")
        return data

    def big_value(self, reference: bytes, length: int) -> tuple[bytes, int]:
        """A value on pages of its own, and how many."""
        (number,) = NUMBER.unpack(reference)
        count = (PAGE_HEADER.size + length - 1) // self.meta.page_size + 1
        self.claim(number, count)
        data = self.page(number, count)
        page, _, flags, low, high = PAGE_HEADER.unpack_from(data)
        if (page, flags, low | high << 16) != (number, OVERFLOW, count):
            raise _UnsoundError(f"page {number} is no overflow page")
        return data[PAGE_HEADER.size : PAGE_HEADER.size + length], count

    def _check_free_pages(self) -> None:
        """LMDB will write over these pages: none of them may be in use."""
        free: set[int] = set()
        for key, value in _Walk(self, self.meta.free).pairs():
            if not 0 < NUMBER.unpack(key)[0] <= self.meta.transaction:
                raise _UnsoundError("free pages of a commit to come")
            count, *pages = struct.unpack(f"<{len(value) // 8}Q", value)
            if count != len(pages) or pages != sorted(set(pages), reverse=True):
                raise _UnsoundError("a list of free pages that is no list")
            if not free.isdisjoint(pages):
                raise _UnsoundError("a page is free twice")
            free.update(pages)
        if free and not 2 <= min(free) <= max(free) <= self.meta.last_page:
            raise _UnsoundError("a free page that does not exist")
        if not free.isdisjoint(self.used):
            raise _UnsoundError("a page is both free and in use")


@dataclass
class _Walk:
    """One tree in key order, every branch and leaf checked, and the sums at the end."""

    reader: _Reader
    tree: Tree
    branches: int = 0
    leaves: int = 0
    overflow: int = 0
    last: bytes = b""
    found: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers = bool(self.tree.flags & INTEGER_KEY)

    def pairs(self) -> list[tuple[bytes, bytes]]:
        tree = self.tree
        if tree.depth > DEEPEST or (tree.depth == 0) is not (tree.root == NO_ROOT):
            raise _UnsoundError(f"a tree {tree.depth} pages deep")
        if tree.depth:
            self._subtree(tree.root, tree.depth, b"")
        sums = (self.branches, self.leaves, self.overflow, len(self.found))
        if sums != (tree.branches, tree.leaves, tree.overflow, tree.entries):
            raise _UnsoundError("a tree that does not add up")
        return self.found

    def _subtree(self, number: int, depth: int, floor: bytes) -> None:
        """Find the pairs below page `number`, none of them before `floor`."""
        self.reader.claim(number)
        page = self.reader.page(number)
        nodes = _nodes(page, number, LEAF if depth == 1 else BRANCH)
        if depth == 1:
            self.leaves += 1
            self._leaf(page, nodes, floor)
            return
        self.branches += 1
        if len(nodes) < 2 and not self.numbers:
            raise _UnsoundError(f"branch page {number} has no branches")
        for index, (start, size, flags, length) in enumerate(nodes):
            if index:
                floor = self._sort_key(page[start : start + length])
                if floor <= self.last:
                    raise _UnsoundError(f"branch page {number} is out of order")
            self._subtree(size | flags << 32, depth - 1, floor)

    def _leaf(self, page: bytes, nodes: list[tuple[int, int, int, int]], floor: bytes) -> None:
        for start, size, flags, length in nodes:
            end = start + length
            key, value = page[start:end], page[end : end + size]
            if flags == BIG_VALUE and self.numbers:
                value, count = self.reader.big_value(page[end : end + 8], size)
                self.overflow += count
            elif flags:
                raise _UnsoundError("a record of another kind")
            order = self._sort_key(key)
            if order <= self.last or order < floor:
                raise _UnsoundError("records out of order")
            self.last = order
            self.found.append((key, value))

    def _sort_key(self, key: bytes) -> bytes:
        """Bytes that sort as LMDB sorts this tree's keys."""
        if not self.numbers:
            return key
        if len(key) != NUMBER.size:
            raise _UnsoundError(f"a number of {len(key)} bytes")
        return key[::-1]


def _nodes(page: bytes, number: int, kind: int) -> list[tuple[int, int, int, int]]:
    """(start of key, size or page number, flags, key length) of each node, in key order.

    Raises unless the nodes fill the upper part of the page without gap or overlap.
    """
    stated, _, flags, lower, upper = PAGE_HEADER.unpack_from(page)
    if (stated, flags) != (number, kind) or not PAGE_HEADER.size <= lower <= upper <= len(page):
        raise _UnsoundError(f"page {number} is no {'leaf' if kind == LEAF else 'branch'} page")
    count, odd = divmod(lower - PAGE_HEADER.size, 2)
    if odd or not count:
        raise _UnsoundError(f"page {number} has no nodes")
    starts = struct.unpack_from(f"<{count}H", page, PAGE_HEADER.size)
    nodes, spans = [], []
    for start in starts:
        low, high, node_flags, length = NODE.unpack_from(page, start)
        size = low | high << 16
        nodes.append((start + NODE.size, size, node_flags, length))
        spans.append((start, start + _span(kind, size, node_flags, length)))
    spans.sort()
    edges = [upper, *(end for _, end in spans)]
    if [start for start, _ in spans] != edges[:-1] or edges[-1] != len(page):
        raise _UnsoundError(f"the nodes of page {number} do not fit together")
    return nodes


def _span(kind: int, size: int, flags: int, length: int) -> int:
    """How much of its page a node takes, in bytes; always even."""
    if length > LONGEST_KEY or (kind == LEAF and not length):
        raise _UnsoundError(f"a key of {length} bytes")
    if kind == BRANCH:
        size = 0
    elif flags & BIG_VALUE:
        size = NUMBER.size
    return (NODE.size + length + size + 1) & ~1
