"""Shows what a process that starts from an image might get wrong. Registers handlers at import."""

import ctypes
import os
import random
import secrets
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import uuid

os.environ["SET_AT_IMPORT"] = "yes"
os.umask(0o027)
generator = random.Random()
libc = ctypes.CDLL(None)


def arc4random():
    """In C, since glibc 2.36. Since 2.41, it computes in memory that a fork must wipe."""
    return (libc.arc4random() << 32) + libc.arc4random() if hasattr(libc, "arc4random") else None


random.random(), ssl.RAND_bytes(8), tempfile.mktemp(), uuid.uuid4(), arc4random()
in_hook = {}
os.register_at_fork(
    after_in_child=lambda: in_hook.update(os.environ, mask=signal.pthread_sigmask(0, []))
)
received = []
signal.signal(signal.SIGUSR2, lambda *_: received.append("handled"))


def identity():
    os.kill(os.getpid(), signal.SIGUSR2)
    yield "pid", os.getpid() == int(os.readlink("/proc/self"))
    yield "thread", threading.get_native_id() if "native" in sys.argv else "main"
    yield "directory", os.getcwd()
    yield "umask", f"{os.umask(0o027):o}"
    yield "signals", received
    yield "mask", sorted(signal.pthread_sigmask(0, []))
    yield "in hook", sorted(in_hook["mask"]), in_hook.get("INVOCATION_ID")
    yield "stop", signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    yield "stack", signal.getsignal(signal.SIGSEGV)
    yield "descriptors", sorted(os.listdir("/proc/self/fd"))[:3]
    yield "threads", len(os.listdir("/proc/self/task"))


def environment():
    yield "os", sorted(os.environ.items())
    yield "C", sorted(subprocess.check_output(["/usr/bin/env"], text=True).splitlines())


def work():
    """Uses what depends on addresses that the kernel knows: the heap, the stack, threads."""

    def nest(depth):
        return max([depth], key=lambda depth: nest(depth - 1) if depth else 0)

    results = []
    thread = threading.Thread(target=lambda: results.append(nest(50)))
    thread.start()
    thread.join()
    yield "thread", results
    yield "stack", nest(300)
    yield "heap", sum(len(item) for item in [bytes(1000 + i) for i in range(30000)])
    yield "map", len(bytearray(1 << 26))
    yield "child", subprocess.check_output(["/bin/echo", "a child"])
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    yield "fork", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def randomness():
    yield "random", random.random()
    yield "ssl", ssl.RAND_bytes(8).hex()
    yield "uuid", uuid.uuid4()
    yield "urandom", os.urandom(8).hex()
    yield "tempfile", tempfile.mktemp()
    yield "secrets", secrets.token_hex(8)
    yield "arc4random", arc4random() or secrets.token_hex(8)


def app(environ, start_response):
    values = globals()[environ["PATH_INFO"][1:]]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(f"{value}\n" for value in values).encode()]
