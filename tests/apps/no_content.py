"""Answers with statuses that must not have content, and yields some anyway."""


def respond(start_response, status, fields):
    start_response(status, fields)
    yield b"must not be sent"


def no_content(environ, start_response):
    return respond(start_response, "204 No Content", [("Content-Length", "16")])


def not_modified(environ, start_response):
    return respond(start_response, "304 Not Modified", [("ETag", '"a"')])


def reset_content(environ, start_response):
    start_response("205 Reset Content", [])
    return []
