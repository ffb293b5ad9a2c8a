"""Keeps an event loop made at import."""

import asyncio

loop = asyncio.new_event_loop()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
