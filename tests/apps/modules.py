"""Shows which modules are imported, one a line."""

import sys


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(f"{name}\n" for name in sorted(sys.modules)).encode()]
