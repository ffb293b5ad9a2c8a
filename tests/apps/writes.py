"""Uses write(), which start_response returns."""

import os

HEAD = ("200 OK", [("Content-Type", "text/plain")])


def only(environ, start_response):
    write = start_response(*HEAD)
    write(b"one ")
    write(b"")
    write(b"two")
    return []


def before(environ, start_response):
    write = start_response(*HEAD)
    write(b"one ")
    write(b"two ")
    return [b"three ", b"four"]


def mixed(environ, start_response):
    write = start_response(*HEAD)
    write(b"one ")
    yield b"two "
    write(b"three ")
    yield b"four"
    write(b" five")


def waits(environ, start_response):
    write = start_response(*HEAD)
    write(b"one ")
    with open(os.environ["FIFOS"] + "/written", "rb"):
        pass
    write(b"two")
    return []


def text(environ, start_response):
    start_response(*HEAD)("the text")
    return []


def too_much(environ, start_response):
    write = start_response("200 OK", [("Content-Length", "5")])
    write(b"12345")
    write(b"67890")
    return []


def late(environ, start_response):
    class Content(list):
        def close(self):
            try:
                write(b"too late")
            except Exception as error:
                print("the app got", type(error).__name__)

    write = start_response(*HEAD)
    return Content([b"the answer"])
