"""Calls start_response with the arguments in the field Start and returns the value of the field
Return.

Both are Python expressions. An exception of start_response is not caught.
"""


def app(environ, start_response):
    start_response(*eval(environ.get("HTTP_START", "'200 OK', []")))
    return eval(environ.get("HTTP_RETURN", "[b'the answer']"))
