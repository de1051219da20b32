"""URLs for relays; their paths are a contract."""

from __future__ import annotations

from django.urls import path

from whitelist.relay_map import feed

urlpatterns = [
    path("snapshot", feed.snapshot, name="relay-snapshot"),
    path("report", feed.report, name="relay-report"),
]
