"""Fails in the way that the file /run/failing names, as long as the file exists."""

import ctypes

from hello import app as hello


def failing():
    try:
        with open("/run/failing", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


if failing() == "import":
    raise RuntimeError("told to fail")


def app(environ, start_response):
    if failing() == "request":
        ctypes.string_at(0)
    return hello(environ, start_response)
