"""Logs each call of close() in many situations."""

import os


class Content:
    def __init__(self, items):
        self.items = items
        self.count = 0

    def __iter__(self):
        return iter(self.items)

    def close(self):
        self.count += 1
        print(f"close() number {self.count}")


def respond(start_response, content):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return content


def breaking(before):
    yield from before
    raise RuntimeError("the app broke")


def success(environ, start_response):
    return respond(start_response, Content([b"the ", b"answer"]))


def nothing(environ, start_response):
    return respond(start_response, Content([]))


def breaks_at_once(environ, start_response):
    return respond(start_response, Content(breaking([])))


def breaks_midway(environ, start_response):
    return respond(start_response, Content(breaking([b"the beginning"])))


def gives_text(environ, start_response):
    return respond(start_response, Content([b"the beginning", "the end"]))


def no_start(environ, start_response):
    return Content([b"the answer"])


def no_iterable(environ, start_response):
    return respond(start_response, Content(None))


def too_short(environ, start_response):
    start_response("200 OK", [("Content-Length", "100")])
    return Content([b"the beginning"])


def no_content(environ, start_response):
    start_response("204 No Content", [])
    return Content([b"must not be sent"])


def exits(environ, start_response):
    return respond(start_response, Content(map(lambda _: exit(3), [1])))


class Failing(Content):
    def close(self):
        super().close()
        raise RuntimeError("close() broke")


def close_fails(environ, start_response):
    return respond(start_response, Failing([b"the answer"]))


def all_fails(environ, start_response):
    return respond(start_response, Failing(breaking([])))


class Exiting(Content):
    def close(self):
        super().close()
        raise SystemExit(3)


def close_exits(environ, start_response):
    return respond(start_response, Exiting([b"the answer"]))


class Waiting(Content):
    def close(self):
        with open(os.environ["FIFOS"] + "/read", "rb"):
            super().close()


def close_waits(environ, start_response):
    start_response("200 OK", [("Content-Length", "10")])
    return Waiting([b"the answer"])


def close_waits_unknown_length(environ, start_response):
    return respond(start_response, Waiting(iter([b"the answer"])))


def generator(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        while True:
            yield b"x" * 65536
    finally:
        print("the generator was closed")
