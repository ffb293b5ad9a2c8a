"""Waits at two fifos before it reads its content in two steps."""

import os


def meet(name):
    with open(os.environ["FIFOS"] + "/" + name, "rb"):
        pass


def app(environ, start_response):
    meet("called")
    meet("reading")
    content = environ["wsgi.input"].read(2) + environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [content]
