"""Takes 50 ms for an answer, so that a request is under way whenever something happens."""

import time


def app(environ, start_response):
    time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
