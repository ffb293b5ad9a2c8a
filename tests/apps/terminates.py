"""Kills children with signals, and shows how they ended."""

import multiprocessing
import os
import signal
import subprocess
import time


def end(number):
    command = subprocess.Popen(["sleep", "3600"])
    command.send_signal(number)
    copy = multiprocessing.get_context("fork").Process(target=time.sleep, args=[3600])
    copy.start()
    os.kill(copy.pid, number)
    copy.join()
    return f"{command.wait()} {copy.exitcode}\n".encode()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [end(getattr(signal, name)) for name in environ["QUERY_STRING"].split(",")]
