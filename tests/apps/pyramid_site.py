"""The tasks of tests/63-frameworks.bats in Pyramid."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.response import FileResponse, Response


def hello(request):
    return Response(f"Hello, {request.matchdict['name']}.\n", content_type="text/plain")


def form(request):
    upload = request.POST.get("file")
    size = len(upload.file.read()) if upload is not None else None
    return Response(f"{request.POST['text']} {size}\n", content_type="text/plain")


def moved(request):
    return HTTPFound(request.route_url("hello", name="you"))


def source(request):
    return FileResponse(__file__, request)


def stream(request):
    return Response(app_iter=(f"{n}\n".encode() for n in range(3)))


def fail(request):
    raise LookupError("on purpose")


with Configurator() as config:
    for name, pattern, view in [
        ("hello", "/hello/{name}", hello),
        ("form", "/form", form),
        ("moved", "/moved", moved),
        ("source", "/source", source),
        ("stream", "/stream", stream),
        ("fail", "/fail", fail),
    ]:
        config.add_route(name, pattern)
        config.add_view(view, route_name=name)
    app = config.make_wsgi_app()
