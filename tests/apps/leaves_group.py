"""Hangs outside of its process group with all signals blocked: `app` in a request for /hang,
`at_import` during the import. Writes its pid and its child's to the fifo "begun"."""

import os
import signal
import subprocess
import time


def hang():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    child = subprocess.Popen(["sleep", "3600"], preexec_fn=os.setpgrp)
    os.setpgid(0, child.pid)
    with open(os.environ["FIFOS"] + "/begun", "w") as begun:
        print(os.getpid(), child.pid, file=begun)
    time.sleep(3600)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/hang":
        hang()
    return [f"{os.getpid()} {os.getppid()}\n".encode()]


def __getattr__(name):
    if name == "at_import":
        hang()
    raise AttributeError(name)
