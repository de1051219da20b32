"""The access map: what is wanted, what is published, and a button that asks for it now."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist.admin.base import OneRowAdmin, Tool
from whitelist.admin_display import local, tag
from whitelist.models import AccessMap
from whitelist.outbox import request_publication


@admin.register(AccessMap)
class AccessMapAdmin(OneRowAdmin[AccessMap]):
    fields = ("state", "serial", "published_serial", "published", "entries")

    def has_change_permission(self, request: HttpRequest, obj: AccessMap | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        publish = self.admin_site.admin_view(self.publish_view)
        name = "whitelist_accessmap_publish"
        return [path("publish/", publish, name=name), *super().get_urls()]

    def tools(self, request: HttpRequest, obj: AccessMap) -> list[Tool]:
        if not self.may_change(request):
            return []
        return [Tool(gettext("Publish now"), self.url_of("publish"), method="post")]

    def publish_view(self, request: HttpRequest) -> HttpResponse:
        """Ask the worker for a full pass: this process may not own the table."""
        self.check_may_change(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        request_publication()
        messages.success(
            request, gettext("Asked for a publication. “Published” below says when it was done.")
        )
        return self.back_to(self.found(request, "1"))

    @admin.display(description=_("state"))
    def state(self, obj: AccessMap) -> SafeString:
        if obj.published_at is None:
            return tag(_("Never published"), "warn")
        behind = obj.published_serial < obj.serial
        return tag(_("Publication owed"), "go") if behind else tag(_("Published"), "ok")

    @admin.display(description=_("published"))
    def published(self, obj: AccessMap) -> str:
        return local(obj.published_at)
