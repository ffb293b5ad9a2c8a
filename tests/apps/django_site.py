"""A Django site in one file: pages, forms, a file, a stream, a page that fails."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests only",
)


def index(request):
    return HttpResponse(f"{request.method} {request.get_full_path()} {request.GET.get('q')}\n")


def form(request):
    uploads = [f"{file.name}: {file.size}" for file in request.FILES.values()]
    return HttpResponse(f"{request.POST.get('text')} {uploads}\n")


def source(request):
    return FileResponse(open(__file__, "rb"))


def stream(request):
    return StreamingHttpResponse(f"{n}\n" for n in range(3))


def fail(request):
    raise LookupError("the secret of the site")


urlpatterns = [
    path("", index),
    path("page/<str:name>/", lambda request, name: HttpResponse(f"page {name}\n")),
    path("form", csrf_exempt(form)),
    path("guarded", form),
    path("source", source),
    path("stream", stream),
    path("fail", fail),
]
application = get_wsgi_application()
