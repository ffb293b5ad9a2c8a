"""Starts two daemon threads that never end: one waits, one is busy."""

import threading


def busy():
    while True:
        pass


def app(environ, start_response):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    threading.Thread(target=busy, daemon=True).start()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answered\n"]
