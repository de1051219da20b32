"""What the back office's model pages share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from whitelist.admin_display import admin_url

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    StockAdmin = admin.ModelAdmin
else:

    class StockAdmin(admin.ModelAdmin):
        """`ModelAdmin[X]` for the type checker is plain `ModelAdmin` at run time."""

        def __class_getitem__(cls, _model):
            return cls


COUNTED_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than `COUNTED_ROWS`: a table of a million rows is searched, not paged."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[:COUNTED_ROWS].count()


@dataclass(frozen=True)
class Tool:
    """A button of a change page. `method` is `post` where pressing it changes something."""

    label: str
    url: str
    method: str = "get"
    is_grave: bool = False


class OurAdmin(StockAdmin[M]):
    """Adds buttons above the form; the template is `admin/whitelist/change_form.html`."""

    # Counting what each filter would find reads the whole table, once a choice.
    show_facets = admin.ShowFacets.NEVER

    def tools(self, request: HttpRequest, obj: M) -> list[Tool]:
        return []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        context["tools"] = self.tools(request, obj) if obj is not None else []
        return super().render_change_form(request, context, *args, **kwargs)

    def may_change(self, request: HttpRequest) -> bool:
        """The stock change permission, also where the form itself is read-only."""
        opts = self.opts
        return request.user.has_perm(f"{opts.app_label}.change_{opts.model_name}")

    def check_may_change(self, request: HttpRequest) -> None:
        if not self.may_change(request):
            raise PermissionDenied

    def found(self, request: HttpRequest, object_id: str) -> M:
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        return obj

    def back_to(self, obj: Model) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.url_of("change", obj.pk))

    def url_of(self, page: str, *args: Any) -> str:
        return admin_url(self.model, page, *args)


class ReadOnlyAdmin(OurAdmin[M]):
    """Rows that no form may touch: other code is their only writer."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class OneRowAdmin(OurAdmin[M]):
    """A table of one row: its list is the row's own page, under the table's name."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return super().render_change_form(request, context | {"one_row": True}, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.url_of("change", 1))
