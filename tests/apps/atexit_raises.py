"""Fails after its answer, in different ways: ?raise, ?exit, ?thread."""

import atexit
import sys
import threading


def fail():
    raise LookupError("too late")


def app(environ, start_response):
    atexit.register(print, "the others are still called")
    if environ["QUERY_STRING"] == "thread":
        threading.Thread(target=fail).start()
    elif environ["QUERY_STRING"] == "exit":
        atexit.register(sys.exit, 3)
    else:
        atexit.register(fail)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answered\n"]
