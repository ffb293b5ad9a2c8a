"""Logs a line when a request reaches it, and one when its content does."""


def app(environ, start_response):
    log = environ["wsgi.errors"]
    print("reached:", environ["REQUEST_METHOD"], environ["PATH_INFO"], file=log, flush=True)
    content = environ["wsgi.input"].read()
    print("content:", content, file=log, flush=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"passed\n"]
