"""An app as an attribute of an object, in a module of a package."""

from . import __name__ as house


class Table:
    @staticmethod
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"in the {house}\n".encode()]


table = Table()
