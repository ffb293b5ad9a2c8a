"""Counts in a global variable: each process starts at the same value."""

count = 0


def app(environ, start_response):
    global count
    count += 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{count}\n".encode()]
