"""Shows what the kernel and the environment report about the process."""

import os


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    with open("/proc/self/status", "rb") as status:
        yield status.read()
    for name, value in sorted(os.environ.items()):
        yield f"{name}={value}\n".encode()
