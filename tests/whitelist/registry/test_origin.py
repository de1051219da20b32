"""`--origin` is the name of a zone, or it is refused."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError

from tests.whitelist.registry.conftest import Import
from whitelist.models.host import Host

pytestmark = pytest.mark.django_db
RELATIVE = "pc1 IN A 140.114.64.1\n"


@pytest.mark.parametrize(
    "origin", ["bad origin!!", "", "..", "a..b", ".tw", "中文.tw", "a" * 64 + ".tw", "a." * 130]
)
def test_an_origin_that_names_no_zone_is_refused(run: Import, origin: str) -> None:
    with pytest.raises(CommandError, match=r"--origin .* is no zone's name"):
        run("import_registry", RELATIVE, "--format", "zone", f"--origin={origin}")
    assert not Host.objects.exists()


@pytest.mark.parametrize("origin", ["ee.nthu.edu.tw", "EE.nthu.edu.tw."])
def test_an_origin_is_taken_with_and_without_its_final_dot(run: Import, origin: str) -> None:
    assert "1 added" in run("import_registry", RELATIVE, "--format", "zone", f"--origin={origin}")


def test_an_origin_may_be_a_delegated_part_of_a_reverse_zone(run: Import) -> None:
    options = ("--format", "zone", "--origin=0/26.64.114.140.in-addr.arpa")
    assert run("import_registry", "; nothing yet\n", *options).startswith("reverse 0/26.64.")
