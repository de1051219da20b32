"""Tickets that signed somebody in: for whoever asks who came in when."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal_auth.models import RedeemedTicket
from whitelist.admin.base import BoundedPaginator, ReadOnlyAdmin
from whitelist.admin_display import ip, local


@admin.register(RedeemedTicket)
class RedeemedTicketAdmin(ReadOnlyAdmin[RedeemedTicket]):
    list_display = ("redeemed", "subject", "client", "issuer")
    list_filter = ("issuer", ("redeemed_at", admin.DateFieldListFilter))
    search_fields = ("=subject", "=client_address", "=jti")
    search_help_text = _("Exact account, client address or ticket number")
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("redeemed",)
    list_per_page = 50
    fields = ("redeemed", "subject", "client", "issuer", "jti", "valid_until")

    @admin.display(description=_("used"), ordering="redeemed_at")
    def redeemed(self, obj: RedeemedTicket) -> str:
        return local(obj.redeemed_at)

    @admin.display(description=_("client address"))
    def client(self, obj: RedeemedTicket) -> SafeString | str:
        return ip(obj.client_address)

    @admin.display(description=_("ticket valid until"))
    def valid_until(self, obj: RedeemedTicket) -> str:
        return local(obj.expires_at)
