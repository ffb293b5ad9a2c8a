"""An app whose import takes two seconds of CPU time."""

import time

while time.process_time() < 2:
    pass


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
