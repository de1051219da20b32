"""Django's admin as an app, with the site of this service as its default."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register

from whitelist_site.checks import check_https_is_seen


class WhitelistAdminConfig(AdminConfig):
    default_site = "whitelist_site.admin_site.WhitelistAdminSite"

    def ready(self) -> None:
        super().ready()
        register(check_https_is_seen, Tags.security)
