"""Forks children that come back into the server."""

import os
import sys


def fork_and_wait(end):
    """In the child, runs end(); in the parent, waits for it and tells its status."""
    child = os.fork()
    if child == 0:
        end()
        return True
    _, status = os.waitpid(child, 0)
    print("child ended with", os.waitstatus_to_exitcode(status), file=sys.stderr)
    return False


def exits(environ, start_response):
    fork_and_wait(lambda: sys.exit(3))
    start_response("200 OK", [])
    return [b"parent"]


def fails(environ, start_response):
    fork_and_wait(lambda: 1 / 0)
    start_response("200 OK", [])
    return [b"parent"]


def writes(environ, start_response):
    write = start_response("200 OK", [])
    fork_and_wait(lambda: (write(b"child"), sys.exit(0)))
    return [b"parent"]


def yields(environ, start_response):
    start_response("200 OK", [])
    yield b"before "
    if fork_and_wait(lambda: None):
        yield b"child"
        return
    yield b"after"


def reads(environ, start_response):
    fork_and_wait(lambda: (environ["wsgi.input"].read(), sys.exit(0)))
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


class Closing(list):
    def close(self):
        fork_and_wait(lambda: sys.exit(4))


def closes(environ, start_response):
    start_response("200 OK", [])
    return Closing([b"parent"])
