"""The menu of the online services: groups, and the services in them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from whitelist.models.staff_texts import WEB_ADDRESS, InOrder


class MenuIcon(models.TextChoices):
    """The values name the pictures in `templates/icons`."""

    MAIL = "mail", _("Letter")
    GLOBE = "globe", _("Globe")
    WIFI = "wifi", _("Radio waves")
    KEY = "key", _("Key")
    PERSON = "person", _("Person")
    TAG = "tag", _("Label")
    INFO = "info", _("Letter i")


class OwnPage(models.TextChoices):
    """The values are names of URLs."""

    WHITELIST = "whitelist", _("SMTP IP whitelist: status and application")
    HISTORY = "whitelist-history", _("SMTP IP whitelist: own history")
    HELP = "whitelist-help", _("SMTP IP whitelist: help")


class MenuGroup(InOrder):
    """A box of the menu. One without a service to show is not shown either."""

    name_zh = models.CharField(_("name (Chinese)"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60)
    icon = models.CharField(_("picture"), max_length=20, choices=MenuIcon, default=MenuIcon.INFO)

    class Meta:
        verbose_name = _("menu group")
        verbose_name_plural = _("menu groups")
        ordering = ["position", "pk"]

    @property
    def picture(self) -> str:
        """The template of its picture."""
        return f"icons/{self.icon}.svg"


class MenuServiceQuerySet(models.QuerySet["MenuService"]):
    def menu(self) -> MenuServiceQuerySet:
        """What the menu shows, group after group."""
        return self.filter(is_shown=True, group__is_shown=True).select_related("group")


class MenuService(InOrder):
    """A line of the menu: it leads to a page of ours, or to another site."""

    group = models.ForeignKey(
        MenuGroup, on_delete=models.PROTECT, related_name="services", verbose_name=_("menu group")
    )
    name_zh = models.CharField(_("name (Chinese)"), max_length=80)
    name_en = models.CharField(_("name (English)"), max_length=80)
    text_zh = models.CharField(
        _("description (Chinese)"),
        max_length=200,
        help_text=_("One line. {term} becomes the term as it is set, such as 60 minutes."),
    )
    text_en = models.CharField(_("description (English)"), max_length=200)
    page = models.CharField(
        _("page of ours"),
        max_length=30,
        choices=OwnPage,
        blank=True,
        help_text=_("Either this or an address of another site."),
    )
    url = models.URLField(_("address of another site"), blank=True, validators=[WEB_ADDRESS])

    objects = MenuServiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("menu service")
        verbose_name_plural = _("menu services")
        ordering = ["group", "position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(page="") | Q(url=""),
                name="menu_service_leads_to_one_place",
                violation_error_message=_("It can lead to one place only."),
            ),
            models.CheckConstraint(
                condition=Q(is_shown=False) | ~Q(page="") | ~Q(url=""),
                name="menu_service_shown_leads_somewhere",
                violation_error_message=_("To be shown it has to lead somewhere."),
            ),
        ]

    @property
    def text(self) -> str:
        return self.in_language("text")

    @property
    def address(self) -> str:
        """Where it leads; empty where it leads nowhere yet."""
        return reverse(self.page) if self.page else self.url
