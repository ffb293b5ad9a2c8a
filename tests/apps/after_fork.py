"""Registers a hook for forked children, which notes their pids; answers with its pid."""

import os


def note():
    with open(os.environ["FIFOS"] + "/forked", "a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")


os.register_at_fork(after_in_child=note)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()}\n".encode()]
