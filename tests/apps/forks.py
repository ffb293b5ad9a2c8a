"""Forks children that return into the server's code."""

import ctypes
import os
import signal
import sys
import time


def fork_and_wait(end):
    """Runs end() in the child; in the parent, waits for the child and logs its status."""
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


def leave_sessions():
    """Leaves three children in sessions of their own that run as long as the file "stay" exists:
    one forked by Python, one forked by C, and a child of a child."""
    open(os.environ["FIFOS"] + "/stay", "w").close()
    for fork in os.fork, ctypes.CDLL(None).fork, lambda: os.fork() or (os.fork() and os._exit(0)):
        if fork() == 0:
            os.setsid()
            while os.path.exists(os.environ["FIFOS"] + "/stay"):
                time.sleep(0.02)
            os._exit(0)


def crashes(environ, start_response):
    leave_sessions()
    os.kill(os.getpid(), signal.SIGKILL)


def hangs_midway(environ, start_response):
    leave_sessions()
    start_response("200 OK", [])
    yield b"the beginning"
    time.sleep(3600)
