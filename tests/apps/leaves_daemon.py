"""Leaves a process in its own session behind, and answers with its pid."""

import subprocess


def app(environ, start_response):
    daemon = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{daemon.pid}\n".encode()]
