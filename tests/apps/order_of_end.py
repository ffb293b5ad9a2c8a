"""Logs the order in which its parts end."""

import atexit
import sys
import threading

atexit.register(print, "4 first registered")
atexit.register(print, "3 last registered")


def work():
    threading.main_thread().join()  # until the end has begun
    print("2 thread")


class Answer:
    def __iter__(self):
        yield b"answered\n"

    def close(self):
        print("1 close")


def app(environ, start_response):
    threading.Thread(target=work).start()
    start_response("200 OK", [("Content-Type", "text/plain")])
    sys.stdout.write("0 called\n")
    return Answer()
