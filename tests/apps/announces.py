"""Announces 10 bytes of content and returns 10 bytes or more."""

import os

TEN = ("200 OK", [("Content-Length", "10")])


def waits_at_its_end(environ, start_response):
    start_response(*TEN)
    yield b"0123456789"
    with open(os.environ["FIFOS"] + "/end", "rb"):
        print("the generator has ended")


def breaks_at_its_end(environ, start_response):
    start_response(*TEN)
    yield b"0123456789"
    raise RuntimeError("after the end")


def writes(environ, start_response):
    write = start_response(*TEN)
    write(b"01234")
    for data in (b"56789EXTRA", b"EXTRA"):
        try:
            write(data)
        except ValueError as error:
            print(f"the app got ValueError: {error}")
    write(b"")
    return []


def writes_carelessly(environ, start_response):
    start_response(*TEN)(b"0123456789EXTRA")
    return []


def writes_nothing(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])(b"EXTRA")
    return []


def writes_and_returns(environ, start_response):
    start_response(*TEN)(b"01234")
    return eval(environ["HTTP_RETURN"])


def middleware(environ, start_response):
    start_response(*TEN)
    file = open(os.environ["FIFOS"] + "/file", "rb")
    yield from environ["wsgi.file_wrapper"](file, 4)
