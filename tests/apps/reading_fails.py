"""Logs to wsgi.errors why its content could not be read, and does not catch the error."""


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
