"""Yields several items, some of them empty, without Content-Length."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b""
    yield b"one"
    yield b""
    yield b"three\n"
    yield b""
