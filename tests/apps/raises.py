"""Raises an exception before it has answered anything."""


def app(environ, start_response):
    raise ValueError("the secret of the app")
