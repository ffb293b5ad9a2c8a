"""Leaves a process in a session of its own, and sends its pid."""

import subprocess


def app(environ, start_response):
    daemon = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{daemon.pid}\n".encode()]
