"""Behaves well or badly, as the path says. /hold is that of holds.py."""

import ctypes
import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import unquote

import holds


def app(environ, start_response):
    def respond(text=""):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{text}\n".encode()]

    if environ["PATH_INFO"] == "/hold":
        return holds.app(environ, start_response)
    return globals()[environ["PATH_INFO"][1:]](environ, respond)


def say(what):
    print(f"{what} in {os.getpid()}", file=sys.stderr)


def leave_child(**options):
    child = subprocess.Popen(["sleep", "3600"], **options)
    print(f"child in {child.pid}", file=sys.stderr)


# ---- well-behaved ----


def well(environ, respond):
    return respond(os.getppid())


def reads(environ, respond):
    say("reads")
    return respond(len(environ["wsgi.input"].read()))


def sends_forever(environ, respond):
    say("sends_forever")
    respond()
    return itertools.repeat(bytes(65536))


def allocates(environ, respond):
    """Allocates as many megabytes as the query says, and sends their number."""
    return respond(len([b"x" * 1000000 for _ in range(int(environ["QUERY_STRING"]))]))


# ---- crashing ----


def segfaults(environ, respond):
    say("segfaults")
    ctypes.string_at(0)


def aborts(environ, respond):
    say("aborts")
    os.abort()


def dies_silently(environ, respond):
    os.kill(os.getpid(), signal.SIGKILL)


def exits(environ, respond):
    say("exits")
    os._exit(3)


def exits_with_tempfail(environ, respond):
    say("exits_with_tempfail")
    os._exit(os.EX_TEMPFAIL)


def dies_of_sigxcpu(environ, respond):
    say("dies_of_sigxcpu")
    os.kill(os.getpid(), signal.SIGXCPU)
    time.sleep(3600)


def exits_quietly(environ, respond):
    say("exits_quietly")
    os._exit(0)


def execs(environ, respond):
    say("execs")
    os.execv("/bin/sh", ["sh", "-c", unquote(environ["QUERY_STRING"])])


def execs_in_a_thread(environ, respond):
    say("execs_in_a_thread")
    threading.Thread(target=os.execv, args=("/bin/true", ["true"])).start()
    time.sleep(3600)


def renames_itself(environ, respond):
    """Takes a name that a careless parser of /proc/PID/stat mistakes for other fields."""
    say("renames_itself")
    set_name = 15
    ctypes.CDLL(None).prctl(set_name, b") Z 1 2 3 4 5 4", 0, 0, 0)
    os._exit(0)


def calls_c_exit(environ, respond):
    say("calls_c_exit")
    ctypes.CDLL(None).exit(int(environ["QUERY_STRING"]))


def child_calls_exit(environ, respond):
    """The child exits with exit(3), the worker with _exit(2)."""
    say("child_calls_exit")
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).exit(0)
    os.waitpid(child, 0)
    os._exit(0)


def runs_child(environ, respond):
    """Runs it as a child, which does not end the worker."""
    say("runs_child")
    subprocess.run(["true"], check=True)
    os._exit(0)


def exits_midway(environ, respond):
    say("exits_midway")
    respond()
    yield b"the beginning"
    os._exit(0)


def raises_among_signals(environ, respond):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    raise RuntimeError


# ---- overwriting shared memory ----


def overwrite(pattern):
    """Overwrites all memory shared by the server's processes with these bytes, or with random bytes
    of a seed. Returns the number of memory areas."""
    with open("/proc/self/maps", encoding="ascii") as file:
        areas = [line.split()[0].split("-") for line in file if "/dev/zero" in line]
    for begin, end in areas:
        size = int(end, 16) - int(begin, 16)
        if pattern.startswith("seed"):
            content = random.Random(pattern).randbytes(size)
        else:
            content = (bytes.fromhex(pattern) * size)[:size]
        ctypes.memmove(int(begin, 16), content, size)
    return len(areas)


def overwrites(environ, respond):
    return respond(overwrite(environ["QUERY_STRING"]) > 0)


def overwrites_and_dies(environ, respond):
    overwrite(environ["QUERY_STRING"])
    os._exit(3)


def keeps_overwriting(environ, respond):
    def go_on():
        while True:
            overwrite(environ["QUERY_STRING"])
            time.sleep(0.001)

    threading.Thread(target=go_on, daemon=True).start()
    return holds.app({**environ, "PATH_INFO": "/hold"}, lambda *_: respond())


# ---- hanging ----


def loops_in_c(environ, respond):
    """Needs the interpreter all the time, and lets no signal handler of Python run."""
    say("loops_in_c")
    all(itertools.repeat(True))


def blocks_signals(environ, respond):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    say("blocks_signals")
    time.sleep(3600)


def is_stopped(environ, respond):
    say("is_stopped")
    os.kill(os.getpid(), signal.SIGSTOP)


def leaves_group(environ, respond):
    child = subprocess.Popen(["sleep", "3600"], preexec_fn=os.setpgrp)
    os.setpgid(0, child.pid)
    print(f"child in {child.pid}", file=sys.stderr)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    say("leaves_group")
    time.sleep(3600)


def hangs_with_child(environ, respond):
    say("hangs_with_child")
    leave_child()
    time.sleep(3600)


# ---- leaving processes behind ----


def leaves_child(environ, respond):
    say("leaves_child")
    leave_child()
    return respond("left")


def leaves_stubborn_child(environ, respond):
    """Leaves a child that ignores SIGTERM and ends when the fifo is written to."""
    say("leaves_stubborn_child")
    script = 'trap "" TERM; echo; read line <"$FIFOS/release"'
    child = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    child.stdout.readline()
    print(f"child in {child.pid}", file=sys.stderr)
    return respond("left")


def leaves_session(environ, respond):
    say("leaves_session")
    leave_child(start_new_session=True)
    return respond("left")


def dies_with_child(environ, respond):
    say("dies_with_child")
    leave_child()
    os.kill(os.getpid(), signal.SIGKILL)


# ---- consuming resources ----


def reports_limits(environ, respond):
    kinds = "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_NOFILE", "RLIMIT_NPROC"
    return respond(" ".join(str(resource.getrlimit(getattr(resource, k))[0]) for k in kinds))


def burns(environ, respond):
    say("burns")
    while True:
        pass


def burns_ignoring_signal(environ, respond):
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    burns(environ, respond)


def eats(environ, respond):
    say("eats")
    return respond(len([bytes(1 << 20) for _ in range(1024)]))


def eats_in_c(environ, respond):
    """Allocates like a library that assumes that malloc(3) succeeds."""
    say("eats_in_c")
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    for _ in range(1024):
        ctypes.memset(libc.malloc(1 << 20), 1, 1)
    return respond("all was there")


def opens(environ, respond):
    files = []
    try:
        for _ in range(1000):
            files.append(open("/dev/null", "rb"))
    except OSError as error:
        return respond(f"{len(files) < 1000} {type(error).__name__} {error.errno}")
    return respond("all were opened")


def multiplies(environ, respond):
    """A fork bomb that stops by itself if no limit stops it."""
    worker = os.getpid()
    say("multiplies")
    for _ in range(6):
        try:
            os.fork()
        except OSError as error:
            print(f"stopped by {type(error).__name__}", file=sys.stderr)
    if os.getpid() != worker:
        while True:
            signal.pause()
    return holds.app({**environ, "PATH_INFO": "/hold"}, lambda *_: respond())
