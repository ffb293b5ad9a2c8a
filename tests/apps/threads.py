"""Threads of the app that run while the main thread waits for the client or has exited."""

import os
from threading import Thread, main_thread

FIFOS = os.environ["FIFOS"]
HEAD = ("200 OK", [("Content-Type", "text/plain")])


def meet(name):
    with open(f"{FIFOS}/{name}", "rb"):
        pass


def start(function, *arguments):
    thread = Thread(target=function, args=arguments)
    thread.start()
    return thread


def attempt(what, function, *arguments):
    try:
        print(f"{what}: {function(*arguments)!r}")
    except OSError:
        print(f"{what}: OSError")
    except Exception as error:
        print(f"{what}: {type(error).__name__}")


def meets_twice():
    meet("first")  # needs no GIL while it waits in open(2)
    meet("second")


def while_reading(environ, start_response):
    start(meets_twice)
    content = environ["wsgi.input"].read()
    start_response(*HEAD)
    return [b"the app read " + content]


def while_sending(environ, start_response):
    start(meets_twice)
    start_response(*HEAD)
    return [bytes(8 << 20)]


def while_lingering(environ, start_response):
    start(meets_twice)
    start_response(*HEAD)
    return [b"the answer"]


def after_the_end(environ, start_response):
    def use():
        main_thread().join()
        content = environ["wsgi.input"]
        attempt("read", content.read)
        attempt("readline", content.readline)
        attempt("readlines", content.readlines)
        attempt("next", next, content)
        attempt("start_response", start_response, *HEAD)
        attempt("write", write, b"too late")
        attempt("empty write", write, b"")

    write = start_response(*HEAD)
    start(use)
    return [b"the answer"]


def in_the_middle_of_a_read(environ, start_response):
    start(attempt, "read", environ["wsgi.input"].read)
    meet("reading")
    start_response(*HEAD)
    return [b"the answer"]


def in_the_middle_of_a_write(environ, start_response):
    start(attempt, "write", start_response(*HEAD), bytes(8 << 20))
    meet("writing")
    raise RuntimeError("the app broke")


def second_read(environ, start_response):
    def read():
        meet("reading")
        try:
            contents.append(environ["wsgi.input"].read())
        except RuntimeError:
            print("RuntimeError")

    contents = []
    thread = start(read)
    contents.append(environ["wsgi.input"].read(10))
    thread.join()
    start_response(*HEAD)
    return sorted(contents)


def many_readers(environ, start_response):
    def read():
        while True:
            try:
                line = environ["wsgi.input"].readline()
            except RuntimeError:
                continue
            if not line:
                return
            lines.append(line)

    lines = []
    for thread in [start(read) for _ in range(4)]:
        thread.join()
    start_response(*HEAD)
    return [b"".join(sorted(lines))]
