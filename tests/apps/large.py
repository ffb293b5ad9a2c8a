"""Sends more than any socket buffer holds; its close() waits at a fifo."""

import os


class Content:
    def __iter__(self):
        for _ in range(1024):
            yield bytes(65536)

    def close(self):
        with open(os.environ["FIFOS"] + "/closed", "rb"):
            pass


def app(environ, start_response):
    start_response("200 OK", [("Content-Length", str(1024 * 65536))])
    return Content()
