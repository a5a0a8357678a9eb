"""The pages of the example project."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .models import Dish


def hello(request: HttpRequest) -> HttpResponse:
    """The shortest answer: no template, no database."""
    return HttpResponse("Hello from Django\n", content_type="text/plain")


def card(request: HttpRequest) -> HttpResponse:
    """The card as a page, with a style sheet of its own."""
    return render(request, "menu/card.html", {"dishes": Dish.objects.filter(served=True)})
