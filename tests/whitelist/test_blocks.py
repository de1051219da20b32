"""A block ends what is active under it, and looks at little else."""

from __future__ import annotations

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from tests.whitelist.factories import make_block, make_identity, open_entry
from whitelist.blocks import candidates
from whitelist.models import Block, WhitelistEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def entries() -> None:
    for number in range(1, 6):
        address, name = f"140.114.64.{number}", f"lab{number}.ee.nthu.edu.tw"
        open_entry(address, name=name, applicant=make_identity(f"s{number}"))


def ended() -> list[str]:
    found: QuerySet[WhitelistEntry] = WhitelistEntry.objects.filter(ended_at__isnull=False)
    return sorted(str(entry.address) for entry in found)


@pytest.mark.parametrize(
    ("subject", "kind", "last"),
    [
        ("140.114.64.2", "address", [2]),
        ("140.114.64.2/32", "address", [2]),
        ("::ffff:140.114.64.2", "address", [2]),
        ("140.114.64.2/31", "address", [2, 3]),
        ("140.114.64.0/24", "address", [1, 2, 3, 4, 5]),
        ("2001:db8::/32", "address", []),
        ("s4", "person", [4]),
        ("s", "person", []),
    ],
)
def test_what_is_covered_ends_and_nothing_else(subject: str, kind: str, last: list[int]) -> None:
    make_block(subject, kind)
    assert ended() == [f"140.114.64.{number}" for number in last]


@pytest.mark.parametrize(("subject", "kind"), [("140.114.64.2", "address"), ("s4", "person")])
def test_only_entries_that_may_be_covered_are_read(subject: str, kind: str) -> None:
    block = Block(kind=kind, subject=subject, reason="x")
    block.set_bounds()
    assert candidates(block, timezone.now()).count() == 1
