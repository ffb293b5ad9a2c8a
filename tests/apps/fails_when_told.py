"""Fails in the way that is written in the file /run/failing, as long as that is there."""

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
