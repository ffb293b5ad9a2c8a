"""httpbin, which accepts chunked content only from a server with a certain name, under that
name."""

import httpbin


def app(environ, start_response):
    environ["SERVER_SOFTWARE"] = "gunicorn/0"
    return httpbin.app(environ, start_response)
