"""Leaves something at import that an image cannot hold: what the environment variable LEFT says."""

import ctypes
import mmap
import multiprocessing
import os
import resource
import socket
import subprocess
import tempfile
import threading
import time

FIFOS = os.environ["FIFOS"]
left = {
    "nothing": lambda: None,
    "socket": lambda: socket.create_server(("127.0.0.1", 0)),
    "pipe": os.pipe,
    "file": lambda: open(FIFOS + "/kept", "w", encoding="ascii"),
    "deleted": tempfile.TemporaryFile,
    "device": lambda: open("/dev/zero", "rb"),
    "child": lambda: subprocess.Popen(["sleep", "60"], close_fds=True),
    "thread": lambda: threading.Thread(target=time.sleep, args=[60], daemon=True).start(),
    "shared": lambda: mmap.mmap(-1, 4096),
    "limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    "name": lambda: ctypes.CDLL(None).prctl(15, b"renamed", 0, 0, 0),
    "code": lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7),
    "mapped": lambda: map_file(mmap.MAP_SHARED),
    "mapped and deleted": lambda: map_file(mmap.MAP_PRIVATE),
    "semaphore": multiprocessing.Semaphore,
}


def map_file(flags):
    """The mapping has a descriptor of its own in Python, so this uses that of the C library."""
    with open(f"{FIFOS}/kept", "wb+") as file:
        file.write(bytes(4096))
        file.flush()
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap(None, ctypes.c_size_t(4096), 3, flags, file.fileno(), ctypes.c_long(0))
    if flags == mmap.MAP_PRIVATE:
        os.unlink(f"{FIFOS}/kept")


kept = left[os.environ["LEFT"]]()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
