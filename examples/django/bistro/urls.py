"""The paths of the example project."""

from django.contrib import admin
from django.urls import path
from menu import views

urlpatterns = [
    path("", views.card, name="card"),
    path("hello", views.hello, name="hello"),
    path("admin/", admin.site.urls),
]
