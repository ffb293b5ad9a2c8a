"""Hangs in different places."""

import atexit
import ctypes
import threading
import time

HEAD = ("200 OK", [("Content-Type", "text/plain")])


def in_loop(environ, start_response):
    while True:
        pass


def in_sleep(environ, start_response):
    time.sleep(3600)


def holding_the_gil(environ, start_response):
    ctypes.PyDLL(None).sleep(3600)


def with_thread(environ, start_response):
    threading.Thread(target=in_background).start()
    time.sleep(3600)


def after_answer(environ, start_response):
    threading.Thread(target=in_background).start()
    start_response(*HEAD)
    return [b"answered\n"]


def at_exit(environ, start_response):
    atexit.register(time.sleep, 3600)
    start_response(*HEAD)
    return [b"answered\n"]


def after_head(environ, start_response):
    start_response(*HEAD)
    yield b"the beginning"
    time.sleep(3600)


class Closing(list):
    def close(self):
        time.sleep(3600)


def in_close(environ, start_response):
    start_response("200 OK", [("Content-Length", "9")])
    return Closing([b"answered\n"])


def in_background():
    time.sleep(3600)
