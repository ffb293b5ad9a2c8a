"""Never calls start_response, or calls it too late."""


def never(environ, start_response):
    return [b"the answer"]


def empty(environ, start_response):
    return []


def too_late(environ, start_response):
    yield b"the answer"
    start_response("200 OK", [])
