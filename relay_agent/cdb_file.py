"""Reads a cdb file, every bound checked. Postfix's own tools cannot list one."""

from __future__ import annotations

import struct
from pathlib import Path

from relay_agent.errors import BrokenTable
from relay_agent.text import Records

HEADER_SIZE = 2048  # 256 hash tables: position and length of each
SLOT_SIZE = 8
PAIR = struct.Struct("<II")


def read_cdb(path: Path) -> Records:
    """The records of a cdb file as postmap writes it. Raises FileNotFoundError, BrokenTable."""
    data = path.read_bytes()
    try:
        return _records(data)
    except (ValueError, struct.error) as error:
        raise BrokenTable(path, str(error)) from error


def _records(data: bytes) -> Records:
    end = _first_table(data)
    records: Records = {}
    position = HEADER_SIZE
    while position < end:
        key_size, value_size = PAIR.unpack_from(data, position)
        start = position + PAIR.size
        middle, position = start + key_size, start + key_size + value_size
        if position > end:
            raise ValueError("a record reaches into the hash tables")
        key, value = data[start:middle], data[middle:position]
        records[key.removesuffix(b"\0")] = value.removesuffix(b"\0")
    return records


def _first_table(data: bytes) -> int:
    """Where the records end. Raises ValueError unless the hash tables follow without gap."""
    if len(data) < HEADER_SIZE:
        raise ValueError("its header is cut")
    tables = sorted(table for table in PAIR.iter_unpack(data[:HEADER_SIZE]) if table[1])
    position = tables[0][0] if tables else len(data)
    first = position
    for start, slots in tables:
        if start != position:
            raise ValueError("its hash tables do not fit together")
        position += slots * SLOT_SIZE
    if position != len(data) or first < HEADER_SIZE:
        raise ValueError("it does not end with its hash tables")
    return first
