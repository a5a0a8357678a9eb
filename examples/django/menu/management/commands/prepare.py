"""`manage.py prepare`: tables, a person who may log in, and something to eat.

May be run any number of times: what is there stays as it is.
"""

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from menu.models import Dish

DISHES = {"Onion soup": "7.50", "Omelette": "9.00", "Steak frites": "19.50", "Tarte tatin": "6.50"}


class Command(BaseCommand):
    """Brings the database to where the example can be used."""

    help = "Migrates, and creates the user DEMO_USER (demo) with DEMO_PASSWORD (demo)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs the command."""
        call_command("migrate", verbosity=0)
        name = os.environ.get("DEMO_USER", "demo")
        users = get_user_model().objects
        if not users.filter(username=name).exists():
            users.create_superuser(name, password=os.environ.get("DEMO_PASSWORD", "demo"))
            self.stdout.write(f"created the user {name}")
        for dish, price in DISHES.items():
            Dish.objects.get_or_create(name=dish, defaults={"price": price})
