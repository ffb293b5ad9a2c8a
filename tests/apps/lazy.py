"""Imports a module in its first call. Shows the requests that its process or one it was forked from
has served, one line each; appends each of them to the file "notes"."""

import os
import sys

FIFOS = os.environ["FIFOS"]
STATUSES = {"/404": "404 Not Found", "/500": "500 Internal Server Error", "/302": "302 Found"}

seen = []


def app(environ, start_response):
    path = environ["PATH_INFO"]
    line = " ".join([
        "lazily" if "colorsys" not in sys.modules else "already",
        str(os.getpid()),
        environ["REQUEST_METHOD"],
        environ["HTTP_HOST"],
        path,
        environ["QUERY_STRING"] or "-",
        environ.get("HTTP_USER_AGENT", "-"),
    ])
    import colorsys

    assert colorsys
    seen.append(line)
    with open(f"{FIFOS}/notes", "a", encoding="ascii") as file:
        file.write(f"{line}\n")
    if path == "/raises":
        raise RuntimeError("the app broke")
    if path == "/exits":
        sys.exit("the app left")
    write = start_response(STATUSES.get(path, "200 OK"), [("Content-Type", "text/plain")])
    if path == "/big":
        write(bytes(1 << 20))
        return [bytes(1 << 20)]
    return ["".join(f"{line}\n" for line in seen).encode()]
