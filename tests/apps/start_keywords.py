"""Calls start_response with keyword arguments."""


def app(environ, start_response):
    start_response(status="201 Created", headers=[("X-Own", "1")], exc_info=None)
    return [b"the answer"]
