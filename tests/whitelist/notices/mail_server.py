"""A mail server that takes letters, or refuses them as a test tells it to."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from django.test import override_settings

from tests.real.processes import free_port


class MailServer:
    """Speaks SMTP at a free port of 127.0.0.1. `letters` is what it took.

    `refusals`: what it answers instead of taking, by command (`RCPT`, `DATA`). aiosmtpd calls
    `handle_RCPT` and `handle_DATA` by these names.
    """

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refusals: dict[str, str] = {}
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._settings = override_settings()

    def __enter__(self) -> Self:
        self._controller.start()
        backend = "django.core.mail.backends.smtp.EmailBackend"
        self._settings = override_settings(
            EMAIL_BACKEND=backend, EMAIL_HOST="127.0.0.1", EMAIL_PORT=self.port
        )
        self._settings.enable()
        return self

    def __exit__(self, *_: object) -> None:
        self._settings.disable()
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if "RCPT" in self.refusals:
            return self.refusals["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if "DATA" in self.refusals:
            return self.refusals["DATA"]
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.letters.append(message)
        return "250 OK"
