"""Works after its answer (?thread, ?executor, ?atexit) until it has read from the FIFO."""

import atexit
import concurrent.futures
import os
import threading


def linger(way):
    with open(os.environ["FIFO"]) as fifo:
        print(f"{way} done: {fifo.read()}", end="")


def app(environ, start_response):
    way = environ["QUERY_STRING"]
    if way == "thread":
        threading.Thread(target=linger, args=[way]).start()
    elif way == "executor":
        concurrent.futures.ThreadPoolExecutor().submit(linger, way)
    else:
        atexit.register(linger, way)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answered\n"]
