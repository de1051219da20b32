"""Filters that stay small however many values a column has."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

MOST_CHOICES = 60


class DistinctFilter(admin.SimpleListFilter):
    """One choice for each value that the column holds, the first sixty of them."""

    field: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        rows = model_admin.model._default_manager.exclude(**{self.field: ""}).order_by(self.field)
        values = rows.values_list(self.field, flat=True).distinct()[:MOST_CHOICES]
        return [(value, value) for value in values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{self.field: value}) if value else queryset
