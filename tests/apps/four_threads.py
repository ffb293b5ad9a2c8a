"""Leaves four sleeping threads after its import."""

import threading

for _ in range(4):
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
