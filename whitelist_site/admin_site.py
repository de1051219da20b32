"""The back office's own AdminSite: its order, its index, its sign-in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, TypeVar, cast

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from whitelist.admin_display import plural_name
from whitelist.units import units_of
from whitelist_site import one_time_codes
from whitelist_site.overview import dashboard, recent_records
from whitelist_site.sign_in import StaffAuthenticationForm, has_one_time_codes

# The sidebar: what is looked at most comes first. A model that is not named here is in the
# last group, so that none can get lost.
GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_("Whitelist"), ("WhitelistEntry", "Block", "AuditRecord", "RedeemedTicket")),
    (
        _("Registry"),
        (
            "Address",
            "Network",
            "Host",
            "RegistrationOverride",
            "Zone",
            "SyncRun",
            "HeldTransfer",
            "OmittedRecord",
        ),
    ),
    (_("Relays"), ("AccessMap", "Relay")),
    (_("What members read"), ("Announcement", "MenuGroup", "MenuService", "Alternative")),
    (
        _("System"),
        ("ServiceSettings", "Notice", "PeriodicTask", "IntervalSchedule", "CrontabSchedule"),
    ),
    (
        pgettext_lazy("of the back office", "Staff"),
        (
            "User",
            "Group",
            "UnitMembership",
            "TOTPDevice",
            "StaticDevice",
            "AccessAttempt",
            "AccessLog",
        ),
    ),
)
OTHERS = _("Others")
# Every model here is numbered; longer numbers are beyond what a database can compare.
ROW_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
# All that a unit network admin may open, by name; whatever is new is closed to them.
OWN_ACCOUNT = (
    "index", "login", "logout", "jsi18n", "password_change", "password_change_done",
    "one_time_codes", "one_time_codes_start", "one_time_codes_picture",
    "one_time_codes_confirm", "one_time_codes_backup", "one_time_codes_off",
)  # fmt: skip
UNIT_ADMIN_MODELS = ("Network", "Host", "RegistrationOverride")
UNIT_ADMIN_PAGES = frozenset(
    {
        *OWN_ACCOUNT,
        "whitelist_address",
        "whitelist_address_ask",
        "whitelist_registrationoverride_lift",
        *(
            f"whitelist_{model.lower()}_{page}"
            for model in UNIT_ADMIN_MODELS
            for page in ("changelist", "add", "change", "delete", "history")
        ),
    }
)

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


@dataclass(frozen=True)
class OwnPage:
    """A page that belongs to no model; `entry` and `label` put it into the sidebar."""

    route: str
    view: Callable[..., HttpResponseBase]
    name: str
    entry: str = ""
    label: Any = ""
    is_open_to: Callable[[HttpRequest], bool] = lambda _request: True


class WhitelistAdminSite(AdminSite):
    site_header = _("SMTP IP whitelist")
    site_title = _("SMTP IP whitelist")
    index_title = _("Back office")
    login_form = StaffAuthenticationForm
    login_template = "admin/sign_in.html"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.own_pages: list[OwnPage] = []

    def add_page(self, *args: Any, **kwargs: Any) -> None:
        """Take in a page of another package; the arguments are those of `OwnPage`."""
        self.own_pages.append(OwnPage(*args, **kwargs))

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff; and where they have set up one-time codes, in a session that gave one."""
        user = cast(Any, request.user)
        if not super().has_permission(request):
            return False
        if not hasattr(user, "needs_code"):
            user.needs_code = not user.is_verified() and has_one_time_codes(user)
        return not user.needs_code

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Every page here: closed to unit network admins unless it is named as theirs.

        A selection of what can be no row is answered with 400.
        """

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if units_of(request.user) is not None and page_name(request) not in UNIT_ADMIN_PAGES:
                raise PermissionDenied
            selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
            if not all(ROW_NUMBER.fullmatch(number) for number in selected):
                raise BadRequest("a selected row is no number")
            return view(request, *args, **kwargs)

        return super().admin_view(cast(View, update_wrapper(checked, view)), cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        views: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
            ("one-time-codes/", one_time_codes.show, "one_time_codes"),
            ("one-time-codes/start/", one_time_codes.start, "one_time_codes_start"),
            ("one-time-codes/qr.svg", one_time_codes.picture, "one_time_codes_picture"),
            ("one-time-codes/confirm/", one_time_codes.confirm, "one_time_codes_confirm"),
            ("one-time-codes/backup/", one_time_codes.renew_backup_codes, "one_time_codes_backup"),
            ("one-time-codes/off/", one_time_codes.turn_off, "one_time_codes_off"),
        ]
        views += [(page.route, page.view, page.name) for page in self.own_pages]
        own = [path(route, self.admin_view(view), name=name) for route, view, name in views]
        return [*own, *super().get_urls()]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """With `?part=dashboard` that part of the page alone, for its script."""
        user, now = cast(User, request.user), timezone.now()
        shown = dashboard(user, now, request.GET.get("range", ""))
        context: dict[str, Any] = {
            "dashboard": shown,
            "facts": shown.facts if shown else [],
            "now": now,
        }
        if shown and request.GET.get("part") == "dashboard":
            return TemplateResponse(request, "admin/dashboard/section.html", context)
        context["records"] = recent_records(user)
        if shown:
            context["title"] = _("Dashboard")
        return super().index(request, {**context, **(extra_context or {})})

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """The models in our groups; for one app's own page, that app as it is."""
        apps = cast(list[dict[str, Any]], super().get_app_list(request, app_label))
        for model in (model for app in apps for model in app["models"]):
            model["name"] = plural_name(model["model"]._meta)
        if app_label:
            return apps
        return list(grouped([{"models": [*self.pages_for(request), *models_for(request, apps)]}]))

    def pages_for(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Our own pages, in the form of the sidebar's entries for models."""
        return [
            {
                "name": str(page.label),
                "object_name": page.entry,
                "admin_url": reverse(f"{self.name}:{page.name}"),
                "view_only": True,
            }
            for page in self.own_pages
            if page.entry and page.is_open_to(request)
        ]


def page_name(request: HttpRequest) -> str | None:
    return request.resolver_match.url_name if request.resolver_match else None


def models_for(request: HttpRequest, apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    models = [model for app in apps for model in app["models"]]
    if units_of(request.user) is None:
        return models
    return [model for model in models if model["object_name"] in UNIT_ADMIN_MODELS]


def grouped(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    models = {model["object_name"]: model for app in apps for model in app["models"]}
    named = {name for _title, names in GROUPS for name in names}
    groups = [*GROUPS, (OTHERS, tuple(name for name in models if name not in named))]
    return [
        {
            "name": str(title),
            "app_label": f"group-{number}",
            "app_url": "",
            "has_module_perms": True,
            "models": [models[name] for name in names if name in models],
        }
        for number, (title, names) in enumerate(groups)
        if any(name in models for name in names)
    ]
