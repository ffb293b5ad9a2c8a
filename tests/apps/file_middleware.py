"""Modifies the data of the wrapped file piece by piece, as a middleware does."""

import os


class Upper:
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        for item in self.items:
            yield item.upper()

    def close(self):
        self.items.close()


def app(environ, start_response):
    file = open(os.environ["FIFOS"] + "/file", "rb")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Upper(environ["wsgi.file_wrapper"](file, 4))
