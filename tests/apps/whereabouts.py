"""Shows its directory, file and sys.path, one line KEY=repr each."""

import os
import sys


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    values = {"name": __name__, "file": __file__, "cwd": os.getcwd(), "path": sys.path}
    return ["".join(f"{key}={value!r}\n" for key, value in values.items()).encode()]
