"""The page that tells a relay's token, once: it is neither stored nor kept in a message."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from whitelist.admin_display import admin_url
from whitelist.models import Relay
from whitelist.relay_map.signing_key import SigningKeyError, signing_keys


def token_page(
    request: HttpRequest, model_admin: admin.ModelAdmin[Any], relay: Relay, token: str
) -> TemplateResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": gettext("Token of the relay %(relay)s") % {"relay": relay},
        "token": token,
        "pins": pins(),
        "back": admin_url(Relay, "change", relay.pk),
        "opts": model_admin.opts,
        "media": model_admin.media,
    }
    return TemplateResponse(request, "admin/whitelist/relay/token.html", context)


def pins() -> list[str]:
    try:
        return [key.pin for key in signing_keys()]
    except SigningKeyError as error:
        return [str(error)]
