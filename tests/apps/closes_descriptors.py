"""Closes all descriptors, as programs do that become daemons."""

import os

os.closerange(0, 1000)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
