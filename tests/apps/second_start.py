"""Calls start_response twice without exc_info."""

HEAD = ("200 OK", [("Content-Type", "text/plain")])


def fails(environ, start_response):
    start_response(*HEAD)
    start_response(*HEAD)
    return [b"the answer"]


def goes_on(environ, start_response):
    start_response(*HEAD)
    try:
        start_response("503 Sorry", [("X-Second", "2")])
    except Exception as error:
        print("the app got", type(error).__name__)
    return [b"the answer"]


def after_the_head(environ, start_response):
    start_response(*HEAD)
    yield b"the beginning"
    start_response(*HEAD)
    yield b"the end"
