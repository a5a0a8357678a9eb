"""Hello from Django in one file: its handler, a URL pattern and the common middleware."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for benchmarks only",
)


def hello(request, number=0):
    return HttpResponse("Hello, World!", content_type="text/plain")


urlpatterns = [path("", hello), path("items/<int:number>", hello)]
app = get_wsgi_application()
