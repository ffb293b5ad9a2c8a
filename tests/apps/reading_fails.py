"""Writes to wsgi.errors why reading its content failed, and raises the error again."""


def app(environ, start_response):
    errors = environ["wsgi.errors"]
    print("the app reads", file=errors)
    try:
        environ["wsgi.input"].read()
    except OSError as error:
        print(f"the app got {type(error).__name__}", file=errors)
        raise
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"all is read\n"]
