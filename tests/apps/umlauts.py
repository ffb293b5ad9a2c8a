"""Reads and prints text that is not ASCII: größer."""

import locale
import os
import sys


def app(environ, start_response):
    with open(__file__) as file:
        word = file.readline().rstrip('".\n').split()[-1]
    print("printed:", word)
    print("told:", word, file=environ["wsgi.errors"])
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    names = locale.getpreferredencoding(False), sys.getfilesystemencoding(), sys.stdout.encoding
    return [f"{word} {os.fsencode(word)!r} {names}\n".lower().encode()]
