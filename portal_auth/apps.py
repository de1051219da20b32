from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _

from portal_auth import checks


class PortalAuthConfig(AppConfig):
    name = "portal_auth"
    label = "portal_auth"
    verbose_name = _("Campus portal sign-in")

    def ready(self) -> None:
        register(checks.check_simulator, Tags.security)
        register(checks.check_issuers_file, "portal")
        register(checks.check_issuer_configured, "portal", deploy=True)
