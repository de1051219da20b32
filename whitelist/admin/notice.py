"""Letters to members and staff: what was written, and whether it was delivered."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from whitelist.admin.base import BoundedPaginator, ReadOnlyAdmin
from whitelist.admin_display import local, tag
from whitelist.models import Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin[Notice]):
    list_display = ("written", "recipient", "subject", "state", "attempts")
    list_filter = ("kind", ("written_at", admin.DateFieldListFilter))
    search_fields = ("=recipient",)
    search_help_text = _("Exact e-mail address")
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("written",)
    list_per_page = 50
    list_select_related = ()
    fields = (
        "state", "recipient", "subject", "body", "entry", "written", "next_attempt", "attempts",
        "last_error",
    )  # fmt: skip

    @admin.display(description=_("written"), ordering="written_at")
    def written(self, obj: Notice) -> str:
        return local(obj.written_at)

    @admin.display(description=_("next attempt"))
    def next_attempt(self, obj: Notice) -> str:
        return "–" if obj.sent_at or obj.given_up_at else local(obj.next_try_at)

    @admin.display(description=_("state"))
    def state(self, obj: Notice) -> SafeString:
        if obj.sent_at is not None:
            return tag(_("Delivered"), "ok")
        if obj.given_up_at is not None:
            return tag(_("Given up"), "stop")
        return tag(_("Failed, will be tried again") if obj.last_error else _("Waiting"), "warn")
