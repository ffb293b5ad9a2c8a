"""Ends children with SIGTERM, and shows how they ended."""

import multiprocessing
import subprocess
import time


def app(environ, start_response):
    command = subprocess.Popen(["sleep", "3600"])
    command.terminate()
    copy = multiprocessing.get_context("fork").Process(target=time.sleep, args=[3600])
    copy.start()
    copy.terminate()
    copy.join()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{command.wait()} {copy.exitcode}\n".encode()]
