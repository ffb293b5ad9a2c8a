"""Takes 50 ms for a response, so that a request is usually running."""

import time


def app(environ, start_response):
    time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
