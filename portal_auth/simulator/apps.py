from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PortalSimulatorConfig(AppConfig):
    """A stand-in campus portal. It signs anybody in; see `portal_auth.checks`."""

    name = "portal_auth.simulator"
    label = "portal_simulator"
    verbose_name = _("Campus portal simulator")
