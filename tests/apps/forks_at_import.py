"""Forks during its import."""

import os
import sys

if os.fork() == 0:
    sys.exit(0)
os.wait()


def app(environ, start_response):
    start_response("200 OK", [])
    return [b"parent"]
