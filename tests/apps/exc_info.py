"""Calls start_response again, with the exception that was raised."""

import sys


def before_the_head(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-First", "1")])
    try:
        raise ValueError("a problem of the app")
    except ValueError:
        start_response("503 Sorry", [("Content-Type", "text/x"), ("X-Second", "2")], sys.exc_info())
    return [b"sorry"]


def in_the_iterable(environ, start_response):
    start_response("200 OK", [("Content-Length", "1000")])
    yield b""  # sends nothing, not even the head
    try:
        raise ValueError("a problem of the app")
    except ValueError:
        start_response("503 Sorry", [("Content-Length", "5")], exc_info=sys.exc_info())
    yield b"sorry"


def after_the_head(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"the beginning"
    try:
        raise ValueError("a problem of the app")
    except ValueError as error:
        try:
            start_response("503 Sorry", [("X-Second", "2")], sys.exc_info())
        except ValueError as raised:
            print("the same exception:", raised is error)
            raise
    yield b"the end"


def at_once(environ, start_response):
    start_response("503 Sorry", [("Content-Type", "text/plain")], (None, None, None))
    return [b"sorry"]


def as_first_call(environ, start_response):
    try:
        raise ValueError("a problem of the app")
    except ValueError:
        start_response("503 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"sorry"]
