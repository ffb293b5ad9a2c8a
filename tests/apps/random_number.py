"""Answers with a random number of a generator seeded at import."""

import random


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{random.random()}\n".encode()]
