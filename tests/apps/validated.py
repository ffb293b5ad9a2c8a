"""Different apps wrapped in the validator of the standard library."""

import os
from wsgiref.validate import validator

HEAD = ("200 OK", [("Content-Type", "text/plain")])


@validator
def hello(environ, start_response):
    start_response(*HEAD)
    return [b"the ", b"answer"]


@validator
def length(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "10")])
    return [b"the answer"]


@validator
def generator(environ, start_response):
    start_response(*HEAD)
    yield b"the "
    yield b""
    yield b"answer"


@validator
def writes(environ, start_response):
    start_response(*HEAD)(b"the ")
    return [b"answer"]


@validator
def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


@validator
def reads(environ, start_response):
    content = environ["wsgi.input"]
    pieces = [content.read(1), content.readline(), content.readline(2)]
    pieces += [*content.readlines(1), next(iter(content)), content.read(-1), content.read(1)]
    start_response(*HEAD)
    return [repr(pieces).encode()]


@validator
def iterates(environ, start_response):
    lines = list(environ["wsgi.input"])
    start_response(*HEAD)
    return lines


@validator
def sends_file(environ, start_response):
    file = open(os.environ["FIFOS"] + "/file", "rb")
    start_response(*HEAD)
    return environ["wsgi.file_wrapper"](file)


@validator
def prints(environ, start_response):
    environ["wsgi.errors"].write("one\n")
    environ["wsgi.errors"].writelines(["two\n", "three\n"])
    environ["wsgi.errors"].flush()
    start_response(*HEAD)
    return [b"the answer"]


@validator
def wrong(environ, start_response):
    start_response("200 OK", [])  # no Content-Type
    return [b"the answer"]
