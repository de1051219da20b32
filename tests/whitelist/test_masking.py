"""How an e-mail address is shown."""

from __future__ import annotations

import pytest

from whitelist.templatetags.masking import masked


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("s112062501@example.edu.tw", "s***1@example.edu.tw"),
        ("wang@example.edu.tw", "w***g@example.edu.tw"),
        ("abc@example.edu.tw", "a***@example.edu.tw"),
        ("a@example.edu.tw", "a***@example.edu.tw"),
        ('"a@b"@example.edu.tw', '"***"@example.edu.tw'),
    ],
)
def test_the_owner_knows_it_and_nobody_else_learns_it(email: str, shown: str) -> None:
    assert masked(email) == shown
