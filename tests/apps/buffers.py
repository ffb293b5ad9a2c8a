"""Leaves output in the buffers of Python and of the C library at import."""

import ctypes

print("buffered by Python", end="")
ctypes.CDLL(None).printf(b"buffered by the C library")


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
