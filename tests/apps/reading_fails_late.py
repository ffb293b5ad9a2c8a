"""Starts its answer, then reads."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"the beginning"
    environ["wsgi.input"].read()
    yield b"the end"
