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

Pair = tuple[str, str]  # address and name
BATCH = 10_000
ADDRESS = {"postgresql": "inet", "sqlite": "char(39)"}
ROWS = (
    "(address {address} NOT NULL, name varchar(253) NOT NULL,"
    " unit varchar(100), contact varchar(200), line bigint NOT NULL)"
)
# What comes in; what of it is new; what goes; which addresses lose their last name by that.
TABLES = {
    "staged_host": ROWS,
    "new_host": ROWS,
    "gone_host": (
        "(id bigint PRIMARY KEY, address {address} NOT NULL, name varchar(253) NOT NULL)"
    ),
    "lost_address": "(address {address} PRIMARY KEY)",
}
# PostgreSQL joins by hash, and needs to know how much there is; SQLite joins by index.
FINISH = {
    "postgresql": "ANALYZE {table}",
    "sqlite": "CREATE INDEX IF NOT EXISTS temp.{table}_key ON {table} (address, name)",
}
# One statement a batch: row by row, each row would be a transaction of its own.
INSERT = """
INSERT INTO {table} (address, name, unit, contact, line)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(%s)
"""
COPY = "COPY {table} (address, name, unit, contact, line) FROM STDIN"
COUNTS = """
SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT address, name FROM staged_host) AS hosts)
FROM staged_host
"""
REPEATED = """
DELETE FROM staged_host WHERE {row} IN (
    SELECT number FROM (
        SELECT {row} AS number, row_number() OVER (PARTITION BY address, name ORDER BY line) AS nth
        FROM staged_host
    ) AS numbered WHERE nth > 1
)
"""
ROW_ID = {"postgresql": "ctid", "sqlite": "rowid"}
CONTRADICTIONS = """
SELECT min(line), max(line), min(name) FROM staged_host
WHERE unit IS NOT NULL OR contact IS NOT NULL GROUP BY address, name
HAVING min(coalesce(unit, '')) <> max(coalesce(unit, ''))
    OR min(coalesce(contact, '')) <> max(coalesce(contact, ''))
ORDER BY 1 LIMIT 20
"""


@contextmanager
def staged_hosts(rows: Iterable[HostRow]) -> Iterator[int]:
    """A temporary table `staged_host` with all the rows; how many different hosts are in it.

    The other tables of a comparison stand beside it, empty. Reading the rows may take its time
    and may raise: no row of the registry is locked, and nothing of it is changed. Raises
    `BadLinesError` where two lines contradict each other.
    """
    with own_tables():
        fill("staged_host", rows)
        check_consistent()
        yield without_repeated()


@contextmanager
def staged_changes(removed: Iterable[Pair], added: Iterable[Pair]) -> Iterator[None]:
    """Hosts that go in the temporary table `staged_host`, hosts that come in `new_host`."""
    with own_tables():
        fill("staged_host", rows_of(removed))
        fill("new_host", rows_of(added))
        yield


def rows_of(pairs: Iterable[Pair]) -> Iterator[HostRow]:
    return (HostRow(address, name, None, None, 0) for address, name in pairs)


@contextmanager
def own_tables() -> Iterator[None]:
    """The tables of one comparison, of this connection only."""
    address = ADDRESS[connection.vendor]
    with connection.cursor() as cursor:
        for table, columns in TABLES.items():
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE TEMPORARY TABLE {table} {columns.format(address=address)}")
    try:
        yield
    finally:
        # Where a transaction around us is broken, its rollback takes the tables along.
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                for table in TABLES:
                    cursor.execute(f"DROP TABLE {table}")


def fill(table: str, rows: Iterable[HostRow]) -> None:
    """Store the rows, batch by batch: a source that raises must not do so inside a COPY."""
    with connection.cursor() as cursor:
        for batch in batches(rows):
            if connection.vendor == "postgresql":
                with cursor.copy(COPY.format(table=table)) as copy:
                    for row in batch:
                        copy.write_row(row)
            else:
                insert = INSERT.format(table=table)
                cursor.execute(insert, [json.dumps(batch, ensure_ascii=False)])
    finish(table)


def finish(table: str) -> None:
    """Make a filled table fit to be compared."""
    with connection.cursor() as cursor:
        cursor.execute(FINISH[connection.vendor].format(table=table))


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


def without_repeated() -> int:
    """Drop rows that say again what another one says; how many are left."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        rows, hosts = cursor.fetchone()
        if rows > hosts:
            cursor.execute(REPEATED.format(row=ROW_ID[connection.vendor]))
    count: int = hosts
    return count
