"""Sets the SERVER_SOFTWARE with which httpbin accepts chunked content."""

import httpbin


def app(environ, start_response):
    environ["SERVER_SOFTWARE"] = "gunicorn/0"
    return httpbin.app(environ, start_response)
