"""Takes 50 ms for an answer, so that some request is always running."""

import time


def app(environ, start_response):
    time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
