"""Answers when the writer of the fifo "hold" closes it."""

import os


def app(environ, start_response):
    with open(os.environ["FIFOS"] + "/hold", "rb") as fifo:
        fifo.read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Held.\n"]
