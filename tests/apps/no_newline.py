"""Prints without a newline, and without a flush."""

import sys


def app(environ, start_response):
    print("printed and left", end="")
    sys.stdout.buffer.write(b", and bytes")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answered\n"]
