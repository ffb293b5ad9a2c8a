"""Prints a line that begins as one of the highest priority does, see sd-daemon(3)."""

from hello import app as hello


def app(environ, start_response):
    print("<0>not that urgent")
    return hello(environ, start_response)
