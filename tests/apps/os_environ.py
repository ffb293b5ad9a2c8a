"""Shows the environment of a subprocess."""

import subprocess


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [subprocess.run(["env"], capture_output=True, check=True).stdout]
