"""Staff in office (一般) and enrolled students (校, 復) come in, nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal_auth.eligibility import check_eligible
from portal_auth.errors import PortalCheckFailed
from portal_auth.identity import PortalIdentity
from tests.portal_auth.portal import NOW

PERSON = PortalIdentity("https://portal.example", "a1", "staff", "一般", NOW)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("staff", "一般"),
        ("student", "校"),
        ("student", "復"),
        (" staff ", "\u3000一般\n"),
    ],
)
def test_who_is_eligible_comes_in(role: str, status: str) -> None:
    check_eligible(replace(PERSON, role=role, status=status))


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("staff", "校"),
        ("staff", "復"),
        ("student", "一般"),
        ("staff", "留職停薪"),
        ("staff", "退休"),
        ("student", "休"),
        ("student", "畢"),
        ("student", "退"),
        ("student", "校友"),
        ("student", "復 學"),
        ("staff", "一 般"),
        ("staff", "一般 一般"),
        ("staff", "ー般"),  # a Japanese long vowel mark, not the numeral
        ("staff", "⼀般"),  # a radical: NFKC would make it the numeral, NFC does not
        ("student", "复"),  # simplified
        ("staff", ""),
        ("", "一般"),
        ("Staff", "一般"),
        ("STAFF", "一般"),
        ("ｓｔａｆｆ", "一般"),
        ("faculty", "一般"),
        ("staff,student", "一般"),
        ("教職員", "一般"),
    ],
)
def test_who_is_not_eligible_is_refused_with_their_own_words(role: str, status: str) -> None:
    person = replace(PERSON, role=role, status=status)
    with pytest.raises(PortalCheckFailed) as refusal:
        check_eligible(person)
    assert refusal.value.code == -5
    assert refusal.value.identity == person
    assert refusal.value.issuer == person.issuer


def test_a_compatibility_ideograph_is_the_ordinary_one_after_nfc() -> None:
    # Of our words only 復 has one.
    check_eligible(replace(PERSON, role="student", status="\uf966"))
