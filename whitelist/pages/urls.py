"""URLs of the whitelist and of the pages around it; their paths are a contract."""

from __future__ import annotations

from django.urls import path

from whitelist.pages import captcha, confirmation, history, information, main, own_entry, status

urlpatterns = [
    path("", information.home, name="home"),
    path("smtp-whitelist/", main.whitelist, name="whitelist"),
    path("smtp-whitelist/extend", own_entry.extend, name="whitelist-extend"),
    path("smtp-whitelist/remove", own_entry.remove, name="whitelist-remove"),
    path("smtp-whitelist/status.json", status.status, name="whitelist-status"),
    path("smtp-whitelist/history", history.history, name="whitelist-history"),
    path("smtp-whitelist/history.csv", history.download, name="whitelist-history-csv"),
    path("smtp-whitelist/help", information.help_page, name="whitelist-help"),
    path("smtp-whitelist/code/<slug:key>.png", captcha.picture, name="whitelist-captcha"),
    path(
        "smtp-whitelist/code/<slug:key>.<str:language>.wav", captcha.sound, name="whitelist-spoken"
    ),
    path("smtp-whitelist/confirm", confirmation.letter, name="whitelist-confirm"),
    path(
        "smtp-whitelist/confirm/<slug:token>", confirmation.confirm, name="whitelist-confirm-link"
    ),
    path("privacy", information.privacy, name="privacy"),
    path("accessibility", information.accessibility, name="accessibility"),
]
