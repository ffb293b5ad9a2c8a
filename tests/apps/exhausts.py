"""Exhausts a resource."""

import sys


def stack(environ, start_response):
    return stack(environ, start_response)


def memory(environ, start_response):
    return [b"x" * sys.maxsize]


def chain(environ, start_response):
    try:
        {}["the first problem"]
    except KeyError as error:
        raise RuntimeError("the second problem") from error


def exit(environ, start_response):
    sys.exit(3)


def exit_with_text(environ, start_response):
    sys.exit("the text of the exit")


def exit_unnoticed(environ, start_response):
    start_response("200 OK", [])
    try:
        sys.exit(3)
    except SystemExit:
        return [b"the answer"]
