"""Leaves output in the buffer of the C library in a request."""

import ctypes

libc = ctypes.CDLL(None)


def app(environ, start_response):
    libc.printf(b"buffered by the C library")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
