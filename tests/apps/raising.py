"""Raises the exception in the field Raise, a Python expression, at several places."""

HEAD = ("200 OK", [("Content-Type", "text/plain")])


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("str() broke")

    __repr__ = __str__


def throw(environ):
    raise eval(environ["HTTP_RAISE"])


def in_the_call(environ, start_response):
    throw(environ)


def after_start(environ, start_response):
    start_response("200 OK", [("X-Own", "1")])
    throw(environ)


def in_the_iterable(environ, start_response):
    start_response("200 OK", [("X-Own", "1")])
    throw(environ)
    yield b"the answer"


def after_empty_items(environ, start_response):
    start_response(*HEAD)
    yield b""
    throw(environ)


def midway(environ, start_response):
    start_response(*HEAD)
    yield b"the beginning"
    throw(environ)


def after_write(environ, start_response):
    start_response(*HEAD)(b"the beginning")
    throw(environ)
