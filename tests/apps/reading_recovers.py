"""Answers itself when its content cannot be read, and tries a second time."""


def app(environ, start_response):
    tries = []
    for _ in range(2):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            tries.append(type(error).__name__)
    start_response("422 Unprocessable Content", [("Content-Type", "text/plain")])
    return [f"{' '.join(tries)}\n".encode()]
