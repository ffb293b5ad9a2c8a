"""Counts visits in a Django cache: /memory uses Django's default cache, /files the directory
CACHE."""

import os

from django.conf import settings
from django.core.cache import caches
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    CACHES={
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "files": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": os.environ["CACHE"],
        },
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests only",
)


def visit(request, cache):
    visits = caches[cache].get("visits", 0) + 1
    caches[cache].set("visits", visits)
    return HttpResponse(f"{visits}\n")


urlpatterns = [
    path("memory", visit, {"cache": "default"}),
    path("files", visit, {"cache": "files"}),
]
application = get_wsgi_application()
