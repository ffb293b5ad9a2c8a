"""Shows the environment of a subprocess of the import, of one of the request, and its own."""

import os
import subprocess

at_import = subprocess.run(["env"], capture_output=True, check=True).stdout


def app(environ, start_response):
    now = subprocess.run(["env"], capture_output=True, check=True).stdout
    own = "".join(f"{key}={value}\n" for key, value in os.environ.items()).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [at_import, now, own]
