"""Leaves something at import that an image cannot hold: what the environment variable LEFT says."""

import ctypes
import fcntl
import mmap
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
    "event": lambda: ctypes.CDLL(None).eventfd(0, 0),
    "own": lambda: open("/proc/self/status", encoding="ascii"),
    "locked": lambda: lock_file(open(FIFOS + "/kept", "w", encoding="ascii")),
    "deleted": tempfile.TemporaryFile,
    "device": lambda: open("/dev/ptmx", "rb"),
    "stream": lambda: os.dup2(os.open(FIFOS, os.O_RDONLY), 0),
    "child": lambda: subprocess.Popen(["sleep", "60"], close_fds=True),
    "thread": lambda: threading.Thread(target=time.sleep, args=[60], daemon=True).start(),
    "shared": lambda: mmap.mmap(-1, 4096),
    "limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    "name": lambda: ctypes.CDLL(None).prctl(15, b"renamed", 0, 0, 0),
    "code": lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7),
    "mapped": lambda: map_file(mmap.MAP_SHARED),
    "mapped and deleted": lambda: map_file(mmap.MAP_PRIVATE),
}


def lock_file(file):
    fcntl.lockf(file, fcntl.LOCK_EX)
    return file


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
