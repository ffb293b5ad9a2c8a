"""Has a thread started by a C library and unknown to Python."""

import ctypes

libc = ctypes.CDLL(None)
if libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, libc.pause, None) != 0:
    raise RuntimeError("no thread")


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
