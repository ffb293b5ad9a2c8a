"""Shows the environment variables that the import, the request and a subprocess see."""

import os
import subprocess

COMMAND = ["cat", "/proc/self/environ"]
seen_at_import = dict(os.environ), subprocess.run(COMMAND, capture_output=True, check=True).stdout


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    seen = dict(os.environ), subprocess.run(COMMAND, capture_output=True, check=True).stdout
    return [repr(seen_at_import).encode(), b"\n", repr(seen).encode(), b"\n"]
