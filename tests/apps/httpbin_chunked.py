"""httpbin takes content in chunks from a server of one name only: it is told that name."""

import httpbin


def app(environ, start_response):
    environ["SERVER_SOFTWARE"] = "gunicorn/0"
    return httpbin.app(environ, start_response)
