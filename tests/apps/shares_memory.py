"""Shares memory, and relies on multiprocessing's resource tracker for its removal. Each request
ends as the query says."""

import multiprocessing
import os
import signal
import sys
import time
from multiprocessing import shared_memory

ends = {
    "": lambda: None,
    "hangs": lambda: time.sleep(3600),
    "blocks_signals": lambda: (
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()),
        time.sleep(3600),
    ),
    "dies": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def share():
    """Prints the name. The child has the memory as well, so the tracker waits for it."""
    memory = shared_memory.SharedMemory(create=True, size=1 << 20)
    multiprocessing.get_context("fork").Process(target=time.sleep, args=[3600], daemon=True).start()
    print("shares", memory.name, file=sys.stderr)
    return memory


def app(environ, start_response):
    share()
    ends[environ["QUERY_STRING"]]()
    start_response("200 OK", [])
    return [b"shared"]
