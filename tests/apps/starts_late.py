"""Calls start_response when the first item of its iterable is requested, or the second."""


def app(environ, start_response):
    start_response("201 Created", [("Content-Type", "text/plain")])
    yield b"the answer"


def second(environ, start_response):
    yield b""
    start_response("201 Created", [("Content-Type", "text/plain")])
    yield b"the answer"
