"""How Django finds this app."""

from django.apps import AppConfig


class MenuConfig(AppConfig):
    """The card."""

    name = "menu"
