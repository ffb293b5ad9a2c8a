"""Sends its pid and its parent's. For /hold, writes its pid to the fifo "begun", and completes its
response when the fifo "end" is closed. With ?child, starts a child that runs longer, and writes
its pid, too."""

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
