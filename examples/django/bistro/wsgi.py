"""The WSGI entry point: what settings.WSGI_APPLICATION names and maitred serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bistro.settings")

application = get_wsgi_application()
