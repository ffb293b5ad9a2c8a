"""Shows its environ, one KEY=repr line for each."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["".join(f"{key}={value!r}\n" for key, value in sorted(environ.items())).encode()]
