"""The apps of test_gateway.c."""

import io
import sys

kept = None


def ok(environ, start_response):
    return start_response("200 OK", [("Content-Type", "text/plain")])


def announce(start_response, length):
    return start_response("200 OK", [("Content-Length", str(length))])


def simple(environ, start_response):
    ok(environ, start_response)
    return [b"Hello."]


def generator(environ, start_response):
    ok(environ, start_response)
    yield b"a"
    yield b""
    yield b"b"


def write(environ, start_response):
    ok(environ, start_response)(b"written")
    return (b"a", b"b")


def read(environ, start_response):
    ok(environ, start_response)
    return [environ["wsgi.input"].read(), environ["wsgi.input"].read(1)]


def lines(environ, start_response):
    content = environ["wsgi.input"]
    ok(environ, start_response)
    return [content.readline(), content.readline(1)] + content.readlines(1) + list(content)


def wrapper(environ, start_response):
    ok(environ, start_response)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 9), 4)


def file(environ, start_response):
    ok(environ, start_response)
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


def raises(environ, start_response):
    raise KeyError("lost")


def raises_midway(environ, start_response):
    ok(environ, start_response)
    yield b"a"
    raise KeyError("lost")


def exits(environ, start_response):
    sys.exit(3)


def text(environ, start_response):
    ok(environ, start_response)
    return ["text"]


def none(environ, start_response):
    ok(environ, start_response)


def bad_status(environ, start_response):
    return start_response("ok", [])


def bad_header(environ, start_response):
    return start_response("200 OK", [("A", "b"), ("Connection", "close")])


def bad_headers(environ, start_response):
    return start_response("200 OK", (("A", "b"),))


def wide(environ, start_response):
    return start_response("200 OK", [("A", "\u20ac")])


def short_list(environ, start_response):
    announce(start_response, 9)
    return [b"four"]


def short(environ, start_response):
    announce(start_response, 9)
    yield b"four"


def long_list(environ, start_response):
    announce(start_response, 3)
    return [b"four", b"five"]


def long(environ, start_response):
    announce(start_response, 3)
    yield b"four"
    yield b"five"


def late(environ, start_response):
    announce(start_response, 4)
    yield b"four"
    yield b"five"


def writes_long(environ, start_response):
    announce(start_response, 3)(b"four")


def part(environ, start_response):
    announce(start_response, 6)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 9), 4)


def part_of_file(environ, start_response):
    announce(start_response, 6)
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


def no_start(environ, start_response):
    return [b"a"]


def twice(environ, start_response):
    ok(environ, start_response)
    ok(environ, start_response)


def replaced(environ, start_response):
    ok(environ, start_response)
    try:
        raise ValueError
    except ValueError:
        start_response("500 Oops", [], sys.exc_info())
    return []


def too_late(environ, start_response):
    ok(environ, start_response)(b"a")
    try:
        raise ValueError
    except ValueError:
        start_response("500 Oops", [], sys.exc_info())


class Closing(list):
    def close(self):
        raise ValueError("in close")


def closing(environ, start_response):
    ok(environ, start_response)
    return Closing([b"a"])


def keeps(environ, start_response):
    global kept
    kept = environ, start_response
    ok(environ, start_response)
    return []


async def asgi(environ, start_response):
    pass
