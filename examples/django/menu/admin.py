"""The admin of the card."""

from django.contrib import admin

from .models import Dish


@admin.register(Dish)
class DishAdmin(admin.ModelAdmin):
    """Dishes as a list that can be searched."""

    list_display = ["name", "price", "served"]
    list_filter = ["served"]
    search_fields = ["name"]
