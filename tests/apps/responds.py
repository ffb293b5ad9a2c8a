"""Calls start_response with the arguments in the field Start, returns what the field Return says.

Both are Python expressions. A start_response that raises is not caught.
"""


def app(environ, start_response):
    start_response(*eval(environ.get("HTTP_START", "'200 OK', []")))
    return eval(environ.get("HTTP_RETURN", "[b'the answer']"))
