"""Waits at the fifo that the path names, if it exists, and notes "begin NAME" and "end NAME"."""

import os

FIFOS = os.environ["FIFOS"]


def note(what):
    with open(f"{FIFOS}/notes", "a", encoding="ascii") as file:
        file.write(f"{what}\n")


def app(environ, start_response):
    name = environ["PATH_INFO"][1:]
    note(f"begin {name}")
    if os.path.exists(f"{FIFOS}/{name}"):
        with open(f"{FIFOS}/{name}", "rb"):
            pass
    note(f"end {name}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"answer to {name}\n".encode()]
