"""Prints a line with the prefix of the highest priority, see sd-daemon(3)."""

from hello import app as hello


def app(environ, start_response):
    print("<0>not that urgent")
    return hello(environ, start_response)
