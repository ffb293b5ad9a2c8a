"""Starts a thread in its first request, which runs forever."""

import threading

threads = []


def app(environ, start_response):
    if not threads:
        threads.append(threading.Thread(target=threading.Event().wait, name="late", daemon=True))
        threads[0].start()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
