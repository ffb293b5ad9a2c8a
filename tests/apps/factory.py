"""Defines factories, which make the app when they are called."""

made = 0


def make():
    global made
    made += 1

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"made {made} time(s)\n".encode()]

    return app


class Site:
    make = staticmethod(make)
