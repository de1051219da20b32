"""A look at the page as it would be, before anything is saved.

The button saves the form as any other would, with all its checks; the page is then rendered from
the database, and the transaction in which the admin saves is rolled back.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from whitelist.admin.base import M, OurAdmin
from whitelist.client_ip import client_address

# The name of the button; its value is the language of the page.
PREVIEW = "_preview"


class PreviewedAdmin(OurAdmin[M]):
    """Rows that stand on a page for members."""

    change_form_template = "admin/whitelist/previewed.html"
    preview_template = "whitelist/help.html"
    preview_part = ""  # where on that page, as the id of an element

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {"preview_name": PREVIEW, "preview_part": self.preview_part}
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: M, post_url_continue: str | None = None
    ) -> HttpResponse:
        if PREVIEW in request.POST:
            return self.preview(request, obj)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: M) -> HttpResponse:
        if PREVIEW in request.POST:
            return self.preview(request, obj)
        return super().response_change(request, obj)

    def preview(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """The page, in the button's language; whatever this request has written is undone."""
        language = request.POST[PREVIEW]
        if language not in dict(settings.LANGUAGES):
            language = settings.LANGUAGE_CODE
        self.bring_out(obj)
        context = {"is_preview": True, "nav": "help", "address": client_address(request)}
        with translation.override(language):
            answer = render(request, self.preview_of(obj), context | self.preview_context(obj))
        answer.headers["Content-Language"] = language
        transaction.set_rollback(True)
        return answer

    def preview_of(self, obj: Any) -> str:
        """The template of the page on which the row is seen."""
        return self.preview_template

    def preview_context(self, obj: Any) -> dict[str, Any]:
        return {}

    def bring_out(self, obj: Any) -> None:
        """Make a row that is hidden seen: until the end of this request."""
