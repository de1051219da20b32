"""Overrides of what the zones say of an address: set and lifted, never edited or deleted."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whitelist import audit
from whitelist.addresses import MAX_LENGTH, AddressError, parse_address
from whitelist.admin.address_link import address_url
from whitelist.admin.base import BoundedPaginator, Tool
from whitelist.admin.confirm import Question, ReasonForm, confirmation_page, is_confirmed
from whitelist.admin.stated import UntilField, check_domain_name
from whitelist.admin.unit_scope import OwnAddressForm, UnitScopedAdmin
from whitelist.admin_display import ip, local, tag, two_lines
from whitelist.models import RegistrationOverride
from whitelist.models.registration import OverrideDecision, OverrideQuerySet
from whitelist.registry.overrides import do_lift, do_override
from whitelist.units import units_of

DECISION_TONES = {OverrideDecision.ACCEPT: "ok", OverrideDecision.REFUSE: "stop"}


class OverrideForm(OwnAddressForm):
    address = forms.CharField(label=_("IP address"), max_length=MAX_LENGTH)
    until = UntilField(label=capfirst(_("until")))

    class Meta:
        model = RegistrationOverride
        fields = ("address", "decision", "name", "reason", "until")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        return check_domain_name(name) if name else ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        wants_name = data.get("decision") == OverrideDecision.ACCEPT
        if wants_name and not data.get("name") and "name" not in self.errors:
            text = _("Say under which name it counts as registered.")
            self.add_error("name", ValidationError(text))
        return data


class InForceFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("in_force", _("In force")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        match self.value():
            case "in_force":
                return cast(OverrideQuerySet, queryset).in_force(now)
            case "over":
                return queryset.filter(Q(lifted_at__isnull=False) | Q(until__lte=now))
        return queryset


@admin.register(RegistrationOverride)
class RegistrationOverrideAdmin(UnitScopedAdmin[RegistrationOverride]):
    form = OverrideForm
    list_display = ("computer", "decision_tag", "state", "reason", "until_and_by")
    list_filter = (InForceFilter, "decision", ("created_at", admin.DateFieldListFilter))
    unit_list_filter = (InForceFilter, "decision")
    search_fields = ("name",)
    search_help_text = _("Exact IP address; or a part of the domain name or of the reason")
    list_select_related = ("created_by",)
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ()
    actions = None
    fields = ("address", "decision", "name", "reason", "until")
    made_fields = (
        "address_column",
        "decision_tag",
        "state",
        "name",
        "reason",
        "until_column",
        "made",
        "by",
        "lifted",
    )
    # `change` is to lift.
    unit_admins_do = frozenset({"add", "change"})

    def get_fields(self, request: HttpRequest, obj: RegistrationOverride | None = None) -> Any:
        return self.made_fields if obj else self.fields

    def get_readonly_fields(
        self, request: HttpRequest, obj: RegistrationOverride | None = None
    ) -> Any:
        return self.made_fields if obj else ()

    def get_form(
        self,
        request: HttpRequest,
        obj: RegistrationOverride | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.units = units_of(request.user)
        return form

    def has_change_permission(
        self, request: HttpRequest, obj: RegistrationOverride | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: RegistrationOverride | None = None
    ) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RegistrationOverride], search_term: str
    ) -> tuple[QuerySet[RegistrationOverride], bool]:
        term = search_term.strip()
        return (queryset.filter(search_condition(term)) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        lift = self.admin_site.admin_view(self.lift_view)
        name = "whitelist_registrationoverride_lift"
        return [path("<path:object_id>/lift/", lift, name=name), *super().get_urls()]

    def tools(self, request: HttpRequest, obj: RegistrationOverride) -> list[Tool]:
        about = Tool(gettext("All about this address"), address_url(obj.address))
        if not self.may_change(request) or is_over(obj):
            return [about]
        return [about, Tool(gettext("Lift…"), self.url_of("lift", obj.pk))]

    def save_model(
        self, request: HttpRequest, obj: RegistrationOverride, form: Any, change: bool
    ) -> None:
        """`do_override` makes the row; the form's own is only what was asked for."""
        user = cast(Any, request.user)
        made = do_override(
            parse_address(obj.address),
            OverrideDecision(obj.decision),
            name=obj.name,
            reason=obj.reason,
            until=obj.until,
            user=user,
            actor=audit.staff(user),
            at=timezone.now(),
        )
        obj.pk = made.pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except ValidationError as error:  # somebody else has decided meanwhile
            messages.error(request, " ".join(error.messages))
            return HttpResponseRedirect(self.url_of("changelist"))

    def lift_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.check_may_change(request)
        override = self.found(request, object_id)
        form = ReasonForm(request.POST if is_confirmed(request) else None)
        if form.is_valid():
            lift(request, override, form.cleaned_data["reason"])
            return self.back_to(override)
        return confirmation_page(request, self, self.lift_question(override), form)

    def lift_question(self, override: RegistrationOverride) -> Question:
        return Question(
            title=gettext("Lift this override?"),
            text=gettext("What the zones say of the address counts again at once."),
            button=gettext("Lift"),
            back=self.url_of("change", override.pk),
            items=[f"{override.address} · {override.get_decision_display()} · {override.reason}"],
            is_grave=False,
        )

    @admin.display(description=_("computer"))
    def computer(self, obj: RegistrationOverride) -> SafeString:
        return two_lines(ip(obj.address), obj.name)

    @admin.display(description=_("until"))
    def until_and_by(self, obj: RegistrationOverride) -> SafeString:
        return two_lines(self.until_column(obj), self.by(obj))

    @admin.display(description=_("IP address"))
    def address_column(self, obj: RegistrationOverride) -> SafeString | str:
        return ip(obj.address)

    @admin.display(description=_("decision"))
    def decision_tag(self, obj: RegistrationOverride) -> SafeString:
        return decision_tag(obj)

    @admin.display(description=_("state"))
    def state(self, obj: RegistrationOverride) -> SafeString:
        return state_tag(obj)

    @admin.display(description=_("until"))
    def until_column(self, obj: RegistrationOverride) -> str:
        return local(obj.until, seconds=False)

    @admin.display(description=_("created"))
    def made(self, obj: RegistrationOverride) -> str:
        return local(obj.created_at)

    @admin.display(description=_("by"))
    def by(self, obj: RegistrationOverride) -> str:
        return str(obj.created_by or "–")

    @admin.display(description=_("lifted"))
    def lifted(self, obj: RegistrationOverride) -> str:
        return local(obj.lifted_at)


def decision_tag(override: RegistrationOverride) -> SafeString:
    decision = OverrideDecision(override.decision)
    return tag(decision.label, DECISION_TONES[decision])


def state_tag(override: RegistrationOverride) -> SafeString:
    if override.lifted_at:
        return tag(_("Lifted"), "off")
    return tag(_("Over"), "off") if is_over(override) else tag(_("In force"), "go")


def is_over(override: RegistrationOverride) -> bool:
    return override.lifted_at is not None or override.until <= timezone.now()


def search_condition(term: str) -> Q:
    try:
        return Q(address=parse_address(term))
    except AddressError:
        return Q(name__icontains=term) | Q(reason__icontains=term)


def lift(request: HttpRequest, override: RegistrationOverride, reason: str) -> None:
    actor = audit.staff(cast(Any, request.user))
    if do_lift(override, actor=actor, at=timezone.now(), reason=reason):
        messages.success(request, gettext("The override is lifted."))
    else:
        messages.warning(request, gettext("The override was over already."))
