"""Relays: what they report is read; who may follow, and who counts, is decided here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from whitelist import audit
from whitelist.admin.base import OurAdmin, Tool
from whitelist.admin.confirm import Question, ReasonForm, confirmation_page, is_confirmed
from whitelist.admin.relay_token import token_page
from whitelist.admin_display import local, tag
from whitelist.models import Relay
from whitelist.models.relay import RelayQuerySet, RelayState
from whitelist.relay_map.installed import has_another_digest
from whitelist.relays import do_add_relay, do_rotate_token, do_set_active

STATES: dict[RelayState, tuple[Any, str]] = {
    RelayState.ERROR: (_("Error"), "stop"),
    RelayState.NEVER: (_("Never reported"), "warn"),
    RelayState.SILENT: (_("Silent"), "stop"),
    RelayState.BEHIND: (_("Behind"), "go"),
    RelayState.IN_SYNC: (_("In sync"), "ok"),
}


@admin.register(Relay)
class RelayAdmin(OurAdmin[Relay]):
    list_display = ("name", "is_active", "state", "lag", "reported", "version", "last_error")
    list_filter = ("is_active",)
    search_fields = ("name",)
    fields = (
        "name",
        "is_active",
        "state",
        "lag",
        "installed_serial",
        "content",
        "reported",
        "last_error",
        "version",
        "clock",
        "token_issued",
    )
    readonly_fields = tuple(name for name in fields if name != "is_active")
    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Relay | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Relay]:
        return cast(RelayQuerySet, super().get_queryset(request)).with_wanted()

    def get_fields(self, request: HttpRequest, obj: Relay | None = None) -> Any:
        return self.fields if obj else ("name", "is_active")

    def get_readonly_fields(self, request: HttpRequest, obj: Relay | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_urls(self) -> list[URLPattern]:
        rotate = self.admin_site.admin_view(self.rotate_view)
        name = "whitelist_relay_rotate"
        return [path("<path:object_id>/token/", rotate, name=name), *super().get_urls()]

    def tools(self, request: HttpRequest, obj: Relay) -> list[Tool]:
        if not (self.may_change(request) and obj.is_remote):
            return []
        return [Tool(gettext("New token…"), self.url_of("rotate", obj.pk), is_grave=True)]

    def save_model(self, request: HttpRequest, obj: Relay, form: Any, change: bool) -> None:
        actor, now = audit.staff(cast(Any, request.user)), timezone.now()
        if not change:
            made, token = do_add_relay(obj.name, obj.is_active, actor=actor, at=now)
            obj.pk = made.pk
            cast(Any, request).new_token = token
        elif "is_active" in form.changed_data:
            # That field alone: a report may have come in since the form was shown.
            do_set_active(obj, obj.is_active, actor=actor, at=now)

    def response_add(
        self, request: HttpRequest, obj: Relay, post_url_continue: str | None = None
    ) -> HttpResponse:
        return token_page(request, self, obj, cast(Any, request).new_token)

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.check_may_change(request)
        relay = self.found(request, object_id)
        if not relay.is_remote:
            raise PermissionDenied
        form = ReasonForm(request.POST if is_confirmed(request) else None)
        if form.is_valid():
            token = do_rotate_token(
                relay,
                actor=audit.staff(cast(Any, request.user)),
                at=timezone.now(),
                reason=form.cleaned_data["reason"],
            )
            return token_page(request, self, relay, token)
        return confirmation_page(request, self, self.rotate_question(relay), form)

    def rotate_question(self, relay: Relay) -> Question:
        return Question(
            title=gettext("Give %(relay)s a new token?") % {"relay": relay},
            text=gettext(
                "The old one is void at once: until the relay has the new one it hears nothing"
                " new, and drops every exemption when its last snapshot is over."
            ),
            button=gettext("New token"),
            back=self.url_of("change", relay.pk),
        )

    @admin.display(description=_("state"))
    def state(self, obj: Relay) -> SafeString:
        wanted = cast(Any, obj)
        silence = timedelta(seconds=wanted.silent_seconds)
        state = obj.state(wanted.wanted_serial, timezone.now(), silence)
        return tag(*STATES[state])

    @admin.display(description=_("lag"))
    def lag(self, obj: Relay) -> str:
        behind = cast(Any, obj).wanted_serial - obj.installed_serial
        if behind <= 0:
            return "–"
        return ngettext("%(count)d change", "%(count)d changes", behind) % {"count": behind}

    @admin.display(description=_("what it has installed"))
    def content(self, obj: Relay) -> SafeString | str:
        other = has_another_digest(obj, timezone.now())
        if other is None:
            return "–"
        if other:
            return tag(_("Not what was sent: its digest differs"), "stop")
        return tag(_("What was sent, by its digest"), "ok")

    @admin.display(description=_("last report"), ordering="reported_at")
    def reported(self, obj: Relay) -> str:
        return local(obj.reported_at)

    @admin.display(description=_("clock"))
    def clock(self, obj: Relay) -> SafeString | str:
        if obj.clock_offset is None:
            return "–"
        offset = gettext("%(seconds)s s against ours") % {"seconds": f"{obj.clock_offset:+.1f}"}
        return tag(offset, "warn") if obj.is_clock_off() else offset

    @admin.display(description=_("token issued"))
    def token_issued(self, obj: Relay) -> str:
        return local(obj.token_issued_at)
