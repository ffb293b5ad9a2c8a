"""The tasks of tests/63-frameworks.bats in CherryPy."""

import cherrypy
from cherrypy.lib.static import serve_file


class Site:
    @cherrypy.expose
    def hello(self, name):
        cherrypy.response.headers["Content-Type"] = "text/plain; charset=utf-8"
        return f"Hello, {name}.\n".encode()

    @cherrypy.expose
    def form(self, text, file=None):
        size = len(file.file.read()) if file is not None else None
        return f"{text} {size}\n".encode()

    @cherrypy.expose
    def moved(self):
        raise cherrypy.HTTPRedirect("/hello/you", 302)

    @cherrypy.expose
    def source(self):
        return serve_file(__file__)

    @cherrypy.expose
    def stream(self):
        return (f"{n}\n".encode() for n in range(3))

    stream._cp_config = {"response.stream": True}

    @cherrypy.expose
    def fail(self):
        raise LookupError("on purpose")


cherrypy.config.update({"environment": "embedded", "log.screen": False})
app = cherrypy.Application(Site(), "")
