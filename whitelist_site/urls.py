"""Every URL of the service."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from whitelist_site import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("whitelist.pages.urls")),
    path("portal/", include("portal_auth.urls")),
    path("relay/v1/", include("whitelist.relay_map.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
if settings.PORTAL_SIMULATOR:
    urlpatterns.append(path("portal-simulator/", include("portal_auth.simulator.urls")))

handler400 = "whitelist.pages.errors.bad_request"
handler403 = "whitelist.pages.errors.forbidden"
handler404 = "whitelist.pages.errors.not_found"
handler500 = "whitelist.pages.errors.server_error"
