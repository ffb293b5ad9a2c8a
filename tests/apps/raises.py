"""Raises an exception before its response begins."""


def app(environ, start_response):
    raise ValueError("the secret of the app")
