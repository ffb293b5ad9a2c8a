"""The tasks of tests/63-frameworks.bats in Pecan."""

from pecan import expose, make_app, redirect, request, response


class Root:
    @expose(content_type="text/plain")
    def hello(self, name):
        return f"Hello, {name}.\n"

    @expose(content_type="text/plain")
    def form(self, text, file=None):
        size = len(file.file.read()) if file is not None else None
        return f"{text} {size}\n"

    @expose()
    def moved(self):
        redirect("/hello/you")

    @expose(content_type="text/x-python")
    def source(self):
        response.app_iter = request.environ["wsgi.file_wrapper"](open(__file__, "rb"))
        return response

    @expose(content_type="text/plain")
    def stream(self):
        response.app_iter = (f"{n}\n".encode() for n in range(3))
        return response

    @expose()
    def fail(self):
        raise LookupError("on purpose")


app = make_app(Root())
