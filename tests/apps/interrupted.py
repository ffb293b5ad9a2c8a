"""Logs its process and reads. Handles SIGUSR1, and SIGINT as Python does, for which a server's
worker has no handler."""

import os
import signal


def handle_signals():
    signal.signal(signal.SIGUSR1, lambda *_: print("the handler ran"))
    signal.signal(signal.SIGINT, signal.default_int_handler)


def app(environ, start_response):
    handle_signals()
    return unprepared(environ, start_response)


def unprepared(environ, start_response):
    print(f"process {os.getpid()} reads")
    content = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the app read " + content]


def sends(environ, start_response):
    handle_signals()
    start_response("200 OK", [("Content-Length", str(8 << 20))])
    print(f"process {os.getpid()} sends")
    return [bytes(8 << 20)]


def handles(environ, start_response):
    handle_signals()
    print(f"process {os.getpid()} reads")
    try:
        environ["wsgi.input"].read()
    except KeyboardInterrupt:
        start_response("503 Interrupted", [])
    return [b"the app was interrupted"]
