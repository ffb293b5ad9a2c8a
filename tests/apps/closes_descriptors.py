"""Closes descriptors that it did not open, like a daemon at its start."""

import os

os.closerange(0, 1000)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
