"""Calls start_response when its iterable is asked for the first item, or for the second."""


def app(environ, start_response):
    start_response("201 Created", [("Content-Type", "text/plain")])
    yield b"the answer"


def second(environ, start_response):
    yield b""
    start_response("201 Created", [("Content-Type", "text/plain")])
    yield b"the answer"
