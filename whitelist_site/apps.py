"""Django's admin as an app, with the site of this service as its default."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class WhitelistAdminConfig(AdminConfig):
    default_site = "whitelist_site.admin_site.WhitelistAdminSite"
