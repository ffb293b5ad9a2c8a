"""Answers with its pid and its parent's. Below /hold, it says its pid at a fifo, and ends its
answer when it is told to at another; with ?child, a child of it lasts for longer, and its pid is
said too."""

import os
import subprocess


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] != "/hold":
        yield f"{os.getpid()} {os.getppid()}\n".encode()
        return
    pids = [os.getpid()]
    if environ["QUERY_STRING"] == "child":
        pids.append(subprocess.Popen(["sleep", "3600"]).pid)
    with open(os.environ["FIFOS"] + "/begun", "w") as begun:
        print(*pids, file=begun)
    yield b"the beginning, "
    with open(os.environ["FIFOS"] + "/end") as end:
        end.read()
    yield b"the end\n"
