"""Reads its content after a part of the answer is sent."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    try:
        yield environ["wsgi.input"].read()
    except OSError as error:
        yield type(error).__name__.encode()
