"""Returns its content at once: several items or none."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one", b"", b"three\n"]


def in_tuple(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"one", b"three\n")


def none(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return []
