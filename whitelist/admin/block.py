"""Blocks: made and lifted through `whitelist.blocks`, never edited."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from whitelist import audit
from whitelist.addresses import AddressError, order_key, parse_address
from whitelist.admin.base import OurAdmin, Tool
from whitelist.admin.confirm import Question, ReasonForm, confirmation_page, is_confirmed
from whitelist.admin_display import local, tag, two_lines
from whitelist.blocks import do_block, do_lift_block
from whitelist.models import Block
from whitelist.models.block import BlockQuerySet

MESSAGES = ("message_zh", "message_en")


class BlockForm(ModelForm):  # type: ignore[type-arg]
    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise ValidationError(_("Choose a time that is still to come."))
        return until


class InForceFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("in_force", _("In force")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        in_force = cast(BlockQuerySet, queryset).in_force(timezone.now())
        match self.value():
            case "in_force":
                return in_force
            case "over":
                return queryset.exclude(pk__in=in_force.values("pk"))
        return queryset


@admin.register(Block)
class BlockAdmin(OurAdmin[Block]):
    form = BlockForm
    list_display = ("what", "state", "since_column", "until_column", "case_number", "reason")
    list_filter = (InForceFilter, "kind", ("since", admin.DateFieldListFilter))
    search_fields = ("subject",)
    search_help_text = _("An IP address finds the blocks around it; or account, case, reason")
    sortable_by = ("since_column",)
    list_per_page = 50
    list_select_related = ("created_by",)
    actions = ("lift_selected",)
    fieldsets = (
        (None, {"fields": ("kind", "subject", "until")}),
        (_("For staff"), {"fields": ("reason", "case_number")}),
        (_("For the member"), {"fields": MESSAGES}),
    )
    made_fieldsets = (
        (None, {"fields": ("kind", "subject", "state", "since", "until", "lifted_at")}),
        (_("For staff"), {"fields": ("reason", "case_number", "created_by")}),
        (_("For the member"), {"fields": MESSAGES}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Block | None = None) -> Any:
        return self.made_fieldsets if obj else self.fieldsets

    def has_change_permission(self, request: HttpRequest, obj: Block | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Block | None = None) -> bool:
        return False

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return self.may_change(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Block], search_term: str
    ) -> tuple[QuerySet[Block], bool]:
        term = search_term.strip()
        return (queryset.filter(search_condition(term)) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        lift = self.admin_site.admin_view(self.lift_view)
        name = "whitelist_block_lift"
        return [path("<path:object_id>/lift/", lift, name=name), *super().get_urls()]

    def tools(self, request: HttpRequest, obj: Block) -> list[Tool]:
        if not self.may_change(request) or obj.lifted_at:
            return []
        return [Tool(gettext("Lift…"), self.url_of("lift", obj.pk))]

    def save_model(self, request: HttpRequest, obj: Block, form: Any, change: bool) -> None:
        user = cast(Any, request.user)
        obj.created_by = user
        ended = do_block(obj, actor=audit.staff(user), at=timezone.now())
        text = ngettext(
            "%(count)d active entry was ended by this block.",
            "%(count)d active entries were ended by this block.",
            len(ended),
        )
        messages.info(request, text % {"count": len(ended)})

    def lift_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.check_may_change(request)
        block = self.found(request, object_id)
        back = self.url_of("change", block.pk)
        return self.ask_and_lift(request, [block], back=back) or self.back_to(block)

    @admin.action(description=_("Lift selected blocks…"), permissions=["lift"])
    def lift_selected(self, request: HttpRequest, queryset: QuerySet[Block]) -> HttpResponse | None:
        back, blocks = request.get_full_path(), list(queryset)
        return self.ask_and_lift(request, blocks, back=back, action="lift_selected")

    def ask_and_lift(
        self, request: HttpRequest, blocks: list[Block], *, back: str, action: str = ""
    ) -> HttpResponse | None:
        """The confirmation page, or None once the blocks were lifted."""
        form = ReasonForm(request.POST if is_confirmed(request) else None)
        if form.is_valid():
            lift_blocks(request, blocks, form.cleaned_data["reason"])
            return None
        title = ngettext("Lift %(count)d block?", "Lift %(count)d blocks?", len(blocks))
        question = Question(
            title=title % {"count": len(blocks)},
            text=gettext("Entries may be opened again at once; ended ones do not come back."),
            button=gettext("Lift"),
            back=back,
            items=blocks,
            action=action,
            selected=[block.pk for block in blocks],
            is_grave=False,
        )
        return confirmation_page(request, self, question, form)

    @admin.display(description=_("address, CIDR or account"))
    def what(self, obj: Block) -> SafeString:
        return two_lines(obj.subject, obj.get_kind_display())

    @admin.display(description=_("state"))
    def state(self, obj: Block) -> SafeString:
        if obj.lifted_at:
            return tag(_("Lifted"), "off")
        over = obj.until is not None and obj.until <= timezone.now()
        return tag(_("Over"), "off") if over else tag(_("In force"), "stop")

    @admin.display(description=_("since"), ordering="since")
    def since_column(self, obj: Block) -> str:
        return local(obj.since, seconds=False)

    @admin.display(description=_("until"))
    def until_column(self, obj: Block) -> str:
        return local(obj.until, seconds=False)


def search_condition(term: str) -> Q:
    try:
        address = parse_address(term)
    except AddressError:
        words = Q(subject__icontains=term) | Q(case_number__icontains=term)
        return words | Q(reason__icontains=term)
    key = order_key(address)
    return Q(family=address.version, lo__lte=key, hi__gte=key)


def lift_blocks(request: HttpRequest, blocks: list[Block], reason: str) -> None:
    actor, now = audit.staff(cast(Any, request.user)), timezone.now()
    lifted = [b for b in blocks if do_lift_block(b, actor=actor, at=now, reason=reason)]
    if lifted:
        text = ngettext("Lifted %(count)d block.", "Lifted %(count)d blocks.", len(lifted))
        messages.success(request, text % {"count": len(lifted)})
    if late := len(blocks) - len(lifted):
        text = ngettext(
            "%(count)d block had been lifted already.",
            "%(count)d blocks had been lifted already.",
            late,
        )
        messages.warning(request, text % {"count": late})
