"""Answers with its pid and its parent's. For /hold, writes its pid to the fifo "begun" and waits
for the fifo "end" in the middle of its answer; ?child starts a child that lasts longer and writes
its pid as well."""

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
