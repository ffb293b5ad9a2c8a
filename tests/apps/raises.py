"""Raises an exception before it answers."""


def app(environ, start_response):
    raise ValueError("the secret of the app")
