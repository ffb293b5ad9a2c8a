"""Does what ordinary applications do, /NEED; sends "done", or the error."""

import asyncio
import concurrent.futures
import ctypes
import decimal
import fcntl
import getpass
import hashlib
import locale
import logging.handlers
import mmap
import multiprocessing
import os
import platform
import pwd
import resource
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zoneinfo


def outgoing_connection():
    """Connects to a server on the loopback address, like a database client."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"hello")).start()
        with socket.create_connection(server.getsockname()) as connection:
            assert connection.recv(10) == b"hello"


def names_of_hosts():
    assert socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    assert socket.gethostname()


def tls():
    assert ssl.create_default_context().get_ca_certs() is not None


def subprocesses():
    subprocess.run(["true"], check=True)
    shell = subprocess.run("echo $HOME | cat", shell=True, check=True, capture_output=True)
    assert shell.stdout.decode().rstrip() == os.environ["HOME"]
    child = [sys.executable, "-c", "import json; print(json.dumps(1))"]
    assert subprocess.run(child, check=True, capture_output=True).stdout == b"1\n"


def double(number):
    return 2 * number


def processes():
    """Uses POSIX semaphores and shared memory."""
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        assert pool.map(double, [1, 2]) == [2, 4]
    total = context.Value("i", 1)
    with total.get_lock():
        total.value += 1


def threads():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(double, [1, 2])) == [2, 4]


def event_loop():
    async def wait():
        process = await asyncio.create_subprocess_exec("true")
        await asyncio.sleep(0)
        return await process.wait()

    assert asyncio.run(wait()) == 0


def callbacks():
    """Functions that C calls, for which libffi generates code."""
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.c_void_p)
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    by_value = compare(lambda a, b: a[0] - ctypes.cast(b, ctypes.POINTER(ctypes.c_int))[0])
    ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), by_value)
    assert list(numbers) == [1, 2, 3]


def temporary_files():
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as directory:
        file.write(b"x")
        file.flush()
        os.link(file.name, f"{directory}/link")
        os.mkfifo(f"{directory}/fifo")


def names_in_utf8():
    assert locale.getpreferredencoding(False).lower().replace("-", "") == "utf8"
    path = os.environ["STATE_DIRECTORY"] + "/grün 日本"
    with open(path, "w") as file:
        file.write("ü€")
    assert "grün 日本" in os.listdir(os.environ["STATE_DIRECTORY"])
    os.rename(path, path + "2")
    os.unlink(path + "2")


def databases():
    with sqlite3.connect(os.environ["STATE_DIRECTORY"] + "/needs.db") as database:
        assert database.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
        database.execute("CREATE TABLE IF NOT EXISTS a (b)")
        database.execute("INSERT INTO a VALUES (1)")


def locks():
    with open(os.environ["CACHE_DIRECTORY"] + "/lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)


def mapped_memory():
    with mmap.mmap(-1, 1 << 20) as memory:
        memory[:1] = b"x"


def who_it_is():
    name = pwd.getpwuid(os.getuid()).pw_name
    assert name == getpass.getuser() and name.startswith("wsgi-once-"), name
    assert os.path.expanduser("~") == os.environ["HOME"] == os.environ["STATE_DIRECTORY"]
    os.listdir(os.environ["HOME"])


def what_machine_it_is():
    assert os.cpu_count() >= len(os.sched_getaffinity(0)) >= 1
    assert os.sysconf("SC_PHYS_PAGES") > 0
    assert platform.platform()
    resource.getrusage(resource.RUSAGE_SELF)


def politeness():
    """Lowers its priority and its limits."""
    os.nice(1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))


def timers():
    came = []
    signal.signal(signal.SIGALRM, lambda *_: came.append("the signal"))
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    # Not one long wait: the signal may come between Python's check for signals and its begin.
    deadline = time.monotonic() + 20
    while not came and time.monotonic() < deadline:
        time.sleep(0.01)
    assert came


def times():
    assert zoneinfo.ZoneInfo("Europe/Paris").key
    assert time.localtime().tm_year > 2000


def random_numbers():
    assert uuid.uuid4() != uuid.uuid4()
    assert len(os.urandom(8)) == 8
    assert hashlib.sha256(b"x").hexdigest()
    assert decimal.Decimal("0.1") * 3 == decimal.Decimal("0.3")


def system_log():
    logging.handlers.SysLogHandler("/dev/log").emit(logging.makeLogRecord({"msg": "hello"}))


NEEDS = {name: need for name, need in globals().items() if type(need) is type(double)}
del NEEDS["double"]


def app(environ, start_response):
    """Sends all names if the path has none."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    name = environ["PATH_INFO"][1:]
    if not name:
        return ["".join(f"{need}\n" for need in NEEDS).encode()]
    try:
        NEEDS[name]()
    except Exception as error:
        return [f"{type(error).__name__}: {error}".encode()]
    return [b"done"]
