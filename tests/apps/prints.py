"""Prints in every possible way."""

import os
import subprocess
import sys

print("printed by the app at import")


def app(environ, start_response):
    print("printed by the app")
    os.write(1, b"written to standard output\n")
    os.write(2, b"written to standard error\n")
    subprocess.run(["echo", "printed by a subprocess"], check=True)
    print("printed to wsgi.errors", file=environ["wsgi.errors"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"the "
    print("printed between", flush=True)
    sys.stdout.flush()
    yield b"answer\n"
