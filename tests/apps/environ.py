"""Shows its environ, one line KEY=repr for each key."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["".join(f"{key}={value!r}\n" for key, value in sorted(environ.items())).encode()]
