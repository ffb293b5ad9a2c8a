"""Fails in the middle of an answer."""

HEAD = ("200 OK", [("Content-Type", "text/plain")])


def by_exception(environ, start_response):
    start_response(*HEAD)
    yield b"the beginning"
    raise RuntimeError("the app broke")


def with_length(environ, start_response):
    start_response("200 OK", [("Content-Length", "100")])
    yield b"the beginning"
    raise RuntimeError("the app broke")


def too_short(environ, start_response):
    start_response("200 OK", [("Content-Length", "100")])
    yield b"the beginning"


def too_long(environ, start_response):
    start_response("200 OK", [("Content-Length", "20")])
    yield b"the beginning"
    yield b" and more than was announced"


def wrong_list(environ, start_response):
    start_response("200 OK", [("Content-Length", "20")])
    return [b"the beginning"]
