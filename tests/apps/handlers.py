"""Shows which signal handlers it finds, and that it can restore them."""

import signal


def app(environ, start_response):
    found = []
    for name in environ["QUERY_STRING"].split(","):
        number = getattr(signal, name)
        handler = signal.signal(number, lambda *_: None)
        signal.signal(number, handler)
        found.append(handler == signal.SIG_DFL)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{found}\n".encode()]
