from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WhitelistConfig(AppConfig):
    name = "whitelist"
    verbose_name = _("SMTP IP whitelist")

    def ready(self) -> None:
        from whitelist import checks  # noqa: F401  registers the system checks
