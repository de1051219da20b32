"""Rows of a source, put beside the registry so that the database can compare the two.

Staging and a set difference bring 65,536 hosts up to date in about a second, where row by
row takes ten (see `bench/registry.py`), and it keeps no row in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from django.db import connection

from whitelist.registry.sources import BadLines, HostRow

BATCH = 10_000
CREATE = {
    "postgresql": (
        "CREATE TEMPORARY TABLE staged_host (address inet NOT NULL, name varchar(253) NOT NULL,"
        " unit varchar(100), contact varchar(200), line bigint NOT NULL)"
    ),
    "sqlite": (
        "CREATE TEMPORARY TABLE staged_host (address char(39) NOT NULL, name varchar(253) NOT NULL,"
        " unit varchar(100), contact varchar(200), line bigint NOT NULL)"
    ),
}
# PostgreSQL joins by hash, and needs to know how much there is; SQLite joins by index.
FINISH = {
    "postgresql": "ANALYZE staged_host",
    "sqlite": "CREATE INDEX temp.staged_host_key ON staged_host (address, name)",
}
# One statement a batch: row by row, each row would be a transaction of its own.
INSERT = """
INSERT INTO staged_host (address, name, unit, contact, line)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(%s)
"""
COPY = "COPY staged_host (address, name, unit, contact, line) FROM STDIN"
DISTINCT = "SELECT count(*) FROM (SELECT DISTINCT address, name FROM staged_host) AS hosts"
CONTRADICTIONS = """
SELECT min(line), max(line), min(name) FROM staged_host GROUP BY address, name
HAVING min(coalesce(unit, '')) <> max(coalesce(unit, ''))
    OR min(coalesce(contact, '')) <> max(coalesce(contact, ''))
ORDER BY 1 LIMIT 20
"""


@contextmanager
def staged_hosts(rows: Iterable[HostRow]) -> Iterator[int]:
    """A temporary table `staged_host` with all the rows; how many different hosts are in it.

    Reading the rows may take its time and may raise: no row of the registry is locked, and
    nothing of it is changed. Raises `BadLinesError` where two lines contradict each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_host")
        cursor.execute(CREATE[connection.vendor])
    try:
        fill(rows)
        check_consistent()
        with connection.cursor() as cursor:
            cursor.execute(DISTINCT)
            count: int = cursor.fetchone()[0]
        yield count
    finally:
        # Where a transaction around us is broken, its rollback takes the table along.
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE staged_host")


def fill(rows: Iterable[HostRow]) -> None:
    """Store the rows, batch by batch: a source that raises must not do so inside a COPY."""
    with connection.cursor() as cursor:
        for batch in batches(rows):
            if connection.vendor == "postgresql":
                with cursor.copy(COPY) as copy:
                    for row in batch:
                        copy.write_row(row)
            else:
                cursor.execute(INSERT, [json.dumps(batch, ensure_ascii=False)])
        cursor.execute(FINISH[connection.vendor])


def batches(rows: Iterable[HostRow]) -> Iterator[list[HostRow]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def check_consistent() -> None:
    """Raises `BadLinesError` where one host stands twice with a different unit or contact."""
    bad = BadLines()
    with connection.cursor() as cursor:
        cursor.execute(CONTRADICTIONS)
        for first, last, name in cursor.fetchall():
            bad.add(last, f"{name} stands on line {first} too, with another unit or contact")
    bad.check()
