"""Reads the content at once; answers with its SHA-256."""

from hashlib import sha256


def app(environ, start_response):
    digest = sha256(environ["wsgi.input"].read()).hexdigest()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{digest}\n".encode()]
