"""Calls write(), then returns a wrapped file."""

import os


def app(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"before ")
    return environ["wsgi.file_wrapper"](open(os.environ["FIFOS"] + "/file", "rb"))
