"""Shows the environment variables of the import, of the request and of a subprocess."""

import os
import subprocess

COMMAND = ["cat", "/proc/self/environ"]
seen_at_import = dict(os.environ), subprocess.run(COMMAND, capture_output=True, check=True).stdout


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    seen = dict(os.environ), subprocess.run(COMMAND, capture_output=True, check=True).stdout
    return [repr(seen_at_import).encode(), b"\n", repr(seen).encode(), b"\n"]
