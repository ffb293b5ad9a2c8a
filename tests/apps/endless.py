"""Yields an endless answer, and logs when it is closed."""


class Endless:
    def __iter__(self):
        return self

    def __next__(self):
        return b"x" * 65536

    def close(self):
        print("closed")


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Endless()
