"""Yields, waits at a fifo, and yields again."""

import os


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"one"
    with open(os.environ["FIFOS"] + "/pause", "rb"):
        yield b"two"
