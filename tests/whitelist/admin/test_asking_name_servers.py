"""The button that has the name servers asked about an address, and what it shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.whitelist.admin.staff import messages_of, text_of
from tests.whitelist.factories import ADDRESS, NAME, register
from whitelist.models import LiveAnswer
from whitelist.registry import second_opinion

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(chief_client: Client) -> Client:
    chief_client.cookies["django_language"] = "en"
    return chief_client


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The tasks that would have gone to the worker."""
    tasks: list[tuple[Any, ...]] = []

    def send_task(*arguments: Any, **_options: Any) -> bool:
        tasks.append(arguments)
        return True

    monkeypatch.setattr(second_opinion, "send_task", send_task)
    return tasks


def ask(client: Client, address: str = ADDRESS) -> Any:
    return client.post(reverse("admin:whitelist_address_ask"), {"address": address}, follow=True)


def test_asking_sends_one_question_and_says_so(client: Client, sent: list[tuple[Any, ...]]) -> None:
    register()
    response = ask(client)
    assert response.redirect_chain[-1][0] == f"{reverse('admin:whitelist_address')}?q={ADDRESS}"
    assert "are being asked" in messages_of(response)[0]
    assert sent == [(second_opinion.TASK, ADDRESS)]
    assert "Asked, no answer yet" in text_of(response)


def test_an_answer_that_is_not_old_is_shown_and_nobody_asked_again(
    client: Client, sent: list[tuple[Any, ...]]
) -> None:
    register()
    LiveAnswer.objects.create(
        address=ADDRESS,
        asked_at=timezone.now() - timedelta(minutes=1),
        answered_at=timezone.now(),
        verdict="registered",
        names={NAME: [ADDRESS]},
        detail="asked two servers",
    )
    response = ask(client)
    assert "less than five minutes ago" in messages_of(response)[0]
    assert sent == []
    for words in (NAME, "asked two servers", "The name servers have it registered"):
        assert words in text_of(response)


def test_only_a_post_asks(client: Client, sent: list[tuple[Any, ...]]) -> None:
    assert client.get(reverse("admin:whitelist_address_ask")).status_code == 405
    assert client.post(reverse("admin:whitelist_address")).status_code == 405
    assert ask(client, "140.114.64").status_code == 400
    assert sent == []
    assert not LiveAnswer.objects.exists()


def test_a_unit_admin_asks_about_their_own(
    unit_client: Client, sent: list[tuple[Any, ...]]
) -> None:
    assert "are being asked" in messages_of(ask(unit_client, "140.114.66.7"))[0]
    assert len(sent) == 1
