"""What is on the card."""

from django.db import models


class Dish(models.Model):
    """One dish with its price."""

    name = models.CharField(max_length=80, unique=True)
    price = models.DecimalField(max_digits=6, decimal_places=2)
    served = models.BooleanField(default=True, help_text="whether the kitchen has it today")

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "dishes"

    def __str__(self) -> str:
        return self.name
