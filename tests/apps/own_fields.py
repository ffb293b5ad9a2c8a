"""Sends its own Date and Server."""


def app(environ, start_response):
    fields = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("SERVER", "mine/1.0")]
    start_response("200 OK", fields)
    return [b"Hello.\n"]
