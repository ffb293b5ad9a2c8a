"""Has a large heap in which there is unused memory between all blocks."""

blocks = [(b"x" * 40000, bytes(100000)) for _ in range(8000)]


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
