"""Answers with the value of the expression in the field Do, with wsgi.input as `input`."""


def app(environ, start_response):
    result = eval(environ["HTTP_DO"], {"input": environ["wsgi.input"]})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(result).encode()]
