"""Closes what it did not open, as who makes himself a daemon does."""

import os

os.closerange(0, 1000)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
