"""Shows a random number of a generator that was seeded at import."""

import random


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{random.random()}\n".encode()]
