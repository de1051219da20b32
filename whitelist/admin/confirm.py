"""The page between a button and what it does: what will happen, and the reason for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

CONFIRMED = "confirmed"


class ReasonForm(forms.Form):
    """A reason that the audit record keeps."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
        help_text=_("Kept in the audit record."),
    )


@dataclass(frozen=True)
class Question:
    """What the confirmation page shows: its heading, an explanation, what is concerned."""

    title: str
    text: str
    button: str
    back: str
    items: Sequence[object] = ()
    action: str = ""
    selected: Iterable[Any] = ()
    is_grave: bool = True


def is_confirmed(request: HttpRequest) -> bool:
    return request.method == "POST" and CONFIRMED in request.POST


def confirmation_page(
    request: HttpRequest, model_admin: admin.ModelAdmin[Any], question: Question, form: forms.Form
) -> TemplateResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": question.title,
        "question": question,
        "form": form,
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "confirmed_name": CONFIRMED,
    }
    return TemplateResponse(request, "admin/whitelist/confirm.html", context)
