"""Counts requests in a global variable, which starts at zero in each process."""

count = 0


def app(environ, start_response):
    global count
    count += 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{count}\n".encode()]
