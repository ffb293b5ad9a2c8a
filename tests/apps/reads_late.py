"""Reads its content after it has sent a part of the response."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    try:
        yield environ["wsgi.input"].read()
    except OSError as error:
        yield type(error).__name__.encode()
