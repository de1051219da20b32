"""What members read, as staff write it: announcements, the menu, alternatives for bulk mail."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import DateTimeField, Model, TextField, URLField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist import audit
from whitelist.admin.base import M
from whitelist.admin.preview import PreviewedAdmin
from whitelist.admin_display import local, tag, two_lines
from whitelist.models import Alternative, Announcement, MenuGroup, MenuService
from whitelist.models.announcement import AnnouncementPages
from whitelist.service import do_delete_text, do_save_text

# One field that a browser knows, where Django's two have labels that belong to none.
MINUTE = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class PositionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A line of a list: its number is labelled by the row that it belongs to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label = gettext("Position of %(name)s") % {"name": self.instance}
        self.fields["position"].widget.attrs["aria-label"] = label


class TextAdmin(PreviewedAdmin[M]):
    """Saved and deleted through `whitelist.service`, one row at a time."""

    actions = None
    list_per_page = 100
    formfield_overrides = {
        DateTimeField: {"form_class": forms.DateTimeField, "widget": MINUTE},
        TextField: {"widget": AdminTextareaWidget(attrs={"rows": 5})},
        URLField: {"assume_scheme": "https"},
    }

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        do_save_text(obj, actor=audit.staff(cast(Any, request.user)), at=timezone.now())

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        do_delete_text(obj, actor=audit.staff(cast(Any, request.user)), at=timezone.now())


class ListedAdmin(TextAdmin[M]):
    """Rows in an order: the numbers are changed in the list itself."""

    list_display: Any = ("names", "position", "shown")
    list_editable = ("position",)
    sortable_by = ()

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=PositionForm, **kwargs)

    @admin.display(description=_("name"))
    def names(self, obj: Any) -> SafeString:
        return two_lines(obj.name_zh, obj.name_en)

    @admin.display(description=_("state"))
    def shown(self, obj: Any) -> SafeString:
        return tag(_("Shown"), "ok") if obj.is_shown else tag(_("Hidden"), "off")

    def bring_out(self, obj: Any) -> None:
        type(obj).objects.filter(pk=obj.pk).update(is_shown=True)


@admin.register(MenuGroup)
class MenuGroupAdmin(ListedAdmin[MenuGroup]):
    preview_template = "whitelist/home.html"
    fields = ("name_zh", "name_en", "icon", "position", "is_shown")


@admin.register(MenuService)
class MenuServiceAdmin(ListedAdmin[MenuService]):
    preview_template = "whitelist/home.html"
    list_display = ("names", "group", "position", "shown", "leads_to")
    list_filter = ("group",)
    list_select_related = ("group",)
    fields = (
        "group",
        "name_zh",
        "name_en",
        "text_zh",
        "text_en",
        "page",
        "url",
        "position",
        "is_shown",
    )

    @admin.display(description=_("leads to"))
    def leads_to(self, obj: MenuService) -> str:
        return obj.get_page_display() or obj.url or "–"

    def bring_out(self, obj: MenuService) -> None:
        MenuGroup.objects.filter(pk=obj.group_id).update(is_shown=True)
        if obj.address:
            super().bring_out(obj)


@admin.register(Alternative)
class AlternativeAdmin(ListedAdmin[Alternative]):
    preview_part = "better"
    list_display = ("names", "position", "shown", "url")
    fields = ("name_zh", "name_en", "text_zh", "text_en", "url", "position", "is_shown")


@admin.register(Announcement)
class AnnouncementAdmin(TextAdmin[Announcement]):
    list_display = ("texts", "state", "level", "pages", "since_column", "until_column")
    list_filter = ("pages", "level")
    ordering = ("-since", "-pk")
    sortable_by = ("since_column",)
    fields = ("text_zh", "text_en", "level", "pages", "since", "until")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"since": timezone.localtime().replace(second=0, microsecond=0)}

    @admin.display(description=_("text"))
    def texts(self, obj: Announcement) -> SafeString:
        return two_lines(*(Truncator(text).chars(60) for text in (obj.text_zh, obj.text_en)))

    @admin.display(description=_("state"))
    def state(self, obj: Announcement) -> SafeString:
        now = timezone.now()
        if obj.since > now:
            return tag(_("To come"), "go")
        over = obj.until is not None and obj.until <= now
        return tag(_("Over"), "off") if over else tag(_("Shown"), "ok")

    @admin.display(description=_("from"), ordering="since")
    def since_column(self, obj: Announcement) -> str:
        return local(obj.since, seconds=False)

    @admin.display(description=_("until"))
    def until_column(self, obj: Announcement) -> str:
        return local(obj.until, seconds=False)

    def preview_of(self, obj: Announcement) -> str:
        on_whitelist = obj.pages == AnnouncementPages.WHITELIST
        return self.preview_template if on_whitelist else "whitelist/home.html"

    def preview_context(self, obj: Announcement) -> dict[str, Any]:
        return {"announcements": [obj]}
