"""Has a hook that forks a child with each fork; the child sleeps."""

import os
import time


def fork_again():
    if os.fork() == 0:
        time.sleep(3600)


os.register_at_fork(after_in_child=fork_again)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
