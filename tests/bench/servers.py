"""Shared by the measurements: servers of one app, load, and the resources that they use.

All requests use TCP on 127.0.0.1, with a new connection for each. A server listens on a port that
was just free, or gets a listening socket as from systemd. Its files are in a temporary directory,
as are the compiled apps, where users without privileges, such as Apache's, can read them.

CPU time is user and system time of all processes of a server, read when it is idle, so that work
after the answer counts, such as forking the next spare. For a running process it is the time of its
clock (clock_getcpuclockid(3)). For exited ones it is cutime and cstime of the parent that reaped
them, from /proc/PID/stat; check_accounting verifies that these count. Unlike a cgroup this needs no
privileges, and the tick of 10 ms is small compared with a turn. A process that is measured from
start to exit is measured with wait4(2), which is precise.
"""

import compileall
import contextlib
import ctypes
import gc
import glob
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict, namedtuple

App = namedtuple("App", "name module callable answer")
APPS = [
    App("hello", "hello", "app", b"Hello.\n"),
    App("Flask", "demo", "app", b"Hello from a process of its own.\n"),
    App("Django", "django_site", "application", b" None\n"),
]
DIRECTORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "apps"))
PYTHON = "/usr/bin/python3"
PROGRAM = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "wsgi-once"))
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}

PACE = 1 / 90
SLOW = 1 / PACE  # requests/s of 1 client; this script can send many times as many
TICK = 1 / os.sysconf("SC_CLK_TCK")

CGI_SCRIPT = """\
#!/usr/bin/python3
import sys
sys.path.insert(0, "{apps}")
import os
from wsgiref.handlers import CGIHandler
os.environ["PATH_INFO"] = "/"
from {module} import {callable}
CGIHandler().run({callable})
"""

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


class Wrong(Exception):
    """A server fails, or something else prevents the measurement."""


def path_of(program):
    return shutil.which(program, path=ENVIRONMENT["PATH"])


@contextlib.contextmanager
def scratch_directory():
    """Makes a directory for the files of servers, which contains the apps."""
    with tempfile.TemporaryDirectory(prefix="wsgi-once-bench-") as scratch:
        os.chmod(scratch, 0o755)
        apps = os.path.join(scratch, "apps")
        os.mkdir(apps)
        for app in APPS:
            shutil.copy(f"{DIRECTORY}/{app.module}.py", apps)
        compileall.compile_dir(apps, quiet=1)
        yield scratch


# ---- processes ----------------------------------------------------------------------------------


def processes():
    """Returns {pid: (parent, own CPU seconds, those of its reaped children, is a zombie)}."""
    found = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # it has just exited
            continue
        own, reaped = (TICK * sum(map(int, fields[first:first + 2])) for first in (11, 13))
        found[int(pid)] = int(fields[1]), own, reaped, fields[0] == b"Z"
    return found


def tree(root):
    """Returns a process and its descendants, as {pid: (own CPU seconds, those of its reaped
    children, is a zombie)}, and the set of those without children."""
    all_of_them = processes()
    children = defaultdict(list)
    for pid, (parent, *_) in all_of_them.items():
        children[parent].append(pid)
    found, new = {}, [root]
    while new:
        pid = new.pop()
        if pid in all_of_them:
            found[pid] = all_of_them[pid][1:]
            new += children[pid]
    return found, {pid for pid in found if not children[pid]}


def cpu_of(root):
    """Returns the CPU seconds of a process and its descendants, running and reaped."""
    return sum(clock_of(pid) + reaped for pid, (_, reaped, _) in tree(root)[0].items())


def clock_of(pid):
    """Returns the CPU seconds of a process, by its clock as from clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_of(pid):
    """Returns the PSS and the unshared memory of a process, in MB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        kilobytes = dict(re.findall(r"^(\w+): +(\d+) kB", file.read(), re.MULTILINE))
    own = int(kilobytes["Private_Clean"]) + int(kilobytes["Private_Dirty"])
    return int(kilobytes["Pss"]) / 1024, own / 1024


def reap():
    """Reaps exited children. Returns their CPU seconds, including their reaped children."""
    used = 0
    try:
        while (ended := os.wait4(-1, os.WNOHANG))[0]:
            used += ended[2].ru_utime + ended[2].ru_stime
    except ChildProcessError:
        pass
    return used


def end(pids):
    """Terminates servers, and kills them after five seconds. This process reaps their orphans."""
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    patience = time.monotonic() + 5
    reap()
    while any(tree(pid)[0] for pid in pids):
        if time.monotonic() > patience:
            for pid in {pid for root in pids for pid in tree(root)[0]}:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        reap()


def end_all():
    """Kills all descendants of this process, and returns the CPU seconds that they used."""
    used = 0
    while left := list(tree(os.getpid())[0])[1:]:
        for pid in left:  # parents first, so that they do not notice the exit of their children
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
        used += reap()
    return used


def machine_times():
    """Returns CPU seconds since boot: all, those used by others, and those stolen by the host."""
    with open("/proc/stat", encoding="ascii") as file:
        times = [TICK * int(word) for word in file.readline().split()[1:9]]
    return sum(times), sum(times[:3]) - sum(os.times()[:4]), times[7]


def check_accounting():
    """Fails if the CPU time of an exited grandchild does not count."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            while time.process_time() < 0.1:
                pass
            os._exit(0)
        os.wait()
        os.write(writing, b".")
        signal.pause()
    os.read(reading, 1)
    used = cpu_of(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not 0.08 < used < 0.2:
        raise Wrong(f"0.1 s of CPU of a process that has ended were taken for {used:.2f} s")


def spawn(command, environment, handed_over=None, log=None, directory=None):
    """Starts a process, with HANDED_OVER as its descriptor 3. Returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()  # a service has no terminal
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        for number in signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_DFL)
        if handed_over:
            os.dup2(os.dup(handed_over.fileno()), 3)
            environment = {**environment, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
        if log:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
        os.closerange(4 if handed_over else 3, 256)
        if directory:
            os.chdir(directory)
        os.execvpe(command[0], command, environment)
    except OSError as error:
        os.write(2, f"bench: {command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def cpu_of_one(pid, command):
    """Waits for a process to exit, and returns its CPU seconds, including reaped children."""
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise Wrong(f"{' '.join(command)} ended with status {status}")
    return usage.ru_utime + usage.ru_stime


def activate(command, environment, answer=b"", log=None):
    """Starts a process for one connection, as Accept=yes does. Returns the seconds until its answer
    is complete, and its CPU seconds."""
    client, server = socket.socketpair()
    with client:
        started = time.perf_counter()
        pid = spawn(command, environment, server, log)
        server.close()
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while piece := client.recv(65536):
            received += piece
        took = time.perf_counter() - started
    if not received.startswith(b"HTTP/1.1 200 ") or answer not in received:
        raise Wrong(f"{' '.join(command)} answered {received!r}")
    return took, cpu_of_one(pid, command)


# ---- servers ------------------------------------------------------------------------------------


class Server:
    """One server of one app. In its command and its files, {words} are replaced when it starts."""

    is_connection = False
    image = None  # where wsgi-once keeps its image
    is_once = False
    is_fresh = False  # a new process for each request
    counts_children = True  # it reaps them, so that their CPU time is known
    target = "/"
    files = {}

    def __init__(self, app, name, command, scratch, **others):
        self.app, self.name, self.command, self.scratch = app, name, command, scratch
        self.__dict__.update(others)
        self.environment = {**ENVIRONMENT, "PYTHONPATH": f"{scratch}/apps"}
        self.request = f"GET {self.target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.request = self.request.encode()
        self.pid = self.port = None
        self.log = os.path.join(scratch, re.sub(r"\W+", "-", name) + ".log")
        self.is_slow = False
        self.words = {"scratch": scratch, "apps": f"{scratch}/apps", "module": app.module,
                      "callable": app.callable, "idle": "0"}

    def fill(self, text):
        for word, value in self.words.items():
            text = text.replace("{" + word + "}", value)
        return text

    def filled(self):
        return [self.fill(word) for word in self.command]

    def filled_program(self):
        """With connection activation, the command without what accepts. It has an image of its
        own, because its environment is another one."""
        return [self.fill(word).replace(".image", ".cold-image") for word in self.program]

    def start(self, idle="0"):
        """Starts the server, and waits until it is idle. Returns the seconds until its first
        answer. IDLE is the --idle-timeout of wsgi-once."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        if self.is_once:
            listener.listen(2048)
        else:
            listener.close()
        self.words.update(port=str(self.port), idle=idle)
        for name, text in self.files.items():
            self.write(os.path.join(self.scratch, name), text)
        started = time.perf_counter()
        self.pid = spawn(self.filled(), self.environment, listener if self.is_once else None,
                         self.log, self.scratch)
        listener.close()
        self.wait_until_up()
        took = time.perf_counter() - started
        self.wait_until_idle()
        return took

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.fill(text))
        os.chmod(path, 0o755)

    def wait_until_up(self):
        patience = time.monotonic() + 20
        while True:
            try:
                self.ask()
                break
            except ConnectionRefusedError:
                if os.waitpid(self.pid, os.WNOHANG)[0] or time.monotonic() > patience:
                    raise Wrong("does not start") from None
                time.sleep(0.001)

    def stop(self):
        end([self.pid])

    def wait_until_idle(self):
        """Waits until it has no zombies, and no process has started or used CPU for a while."""
        patience = time.monotonic() + 30
        before, same = None, 0
        while same < 3:
            now = tree(self.pid)[0]
            is_same = now == before and not any(is_zombie for *_, is_zombie in now.values())
            same = same + 1 if is_same else 0
            before = now
            if time.monotonic() > patience:
                raise Wrong("does not come to rest")
            time.sleep(0.04)

    def cpu(self):
        """Waits until it is idle, and returns the CPU seconds of all its processes."""
        self.wait_until_idle()
        return cpu_of(self.pid)

    def ask(self):
        """Sends a request, and returns the seconds from connect to close."""
        started = time.perf_counter()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 30, 0))
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(self.request)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        took = time.perf_counter() - started
        if not answer.startswith(b"HTTP/1.1 200 ") or self.app.answer not in answer:
            raise Wrong(f"answered {answer!r}")
        return took

    def check_freshness(self):
        """Fails unless the process that serves a request exits afterwards."""
        before = tree(self.pid)[1]
        self.ask()
        patience = time.monotonic() + 5
        while before <= set(tree(self.pid)[0]):
            if time.monotonic() > patience:
                raise Wrong("does not serve a request in a process of its own")
            time.sleep(0.01)

    def end_of_log(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-1500:]


def once(app, name, scratch, *options):
    """wsgi-once with a listening socket."""
    command = [PROGRAM, "--idle-timeout={idle}", *options, "{module}:{callable}"]
    return Server(app, name, command, scratch, is_once=True, is_fresh=True)


def once_each(app, name, scratch, *options):
    """wsgi-once with a process for each connection. systemd-socket-activate accepts in place of
    systemd, and clears the environment."""
    program = [PROGRAM, "--python-path={apps}", *options, "{module}:{callable}"]
    command = ["systemd-socket-activate", "--accept", "--listen=127.0.0.1:{port}", *program]
    return Server(app, name, command, scratch, is_connection=True, program=program)


def once_thawed(app, name, scratch):
    """The same with an image of the app, which is warm. The first request makes the image."""
    image = f"{scratch}/{app.module}.image"
    server = once_each(app, name, scratch, "--image={image}", "--warm-up=/")
    server.words["image"] = server.image = image
    return server


def gunicorn(app, name, scratch, *options, is_fresh=False):
    command = ["gunicorn", "--workers=2", "--bind=127.0.0.1:{port}", "--log-level=error",
               "--worker-tmp-dir=/dev/shm", "{module}:{callable}", *options]
    return Server(app, name, command, scratch, is_fresh=is_fresh)


def uwsgi(app, name, scratch, *options, is_fresh=False):
    command = ["uwsgi", "--plugin=python3", "--http-socket=127.0.0.1:{port}", "--listen=1024",
               "--master", "--processes=2", "--need-app", "--die-on-term", "--disable-logging",
               "--module={module}:{callable}", "--add-header=Connection: close"]
    if app.name == "hello":
        # The other apps add it themselves. Without it, and "Connection: close", wrk reports errors.
        command.append(f"--add-header=Content-Length: {len(app.answer)}")
    return Server(app, name, [*command, *options], scratch, is_fresh=is_fresh)


def busybox(app, name, scratch):
    """CGI. busybox does not reap its children, so their CPU time is unknown."""
    command = ["busybox", "httpd", "-f", "-p", "127.0.0.1:{port}"]
    return Server(app, name, command, scratch, target="/cgi-bin/app", counts_children=False,
                  files={"cgi-bin/app": CGI_SCRIPT})


# ---- Apache --------------------------------------------------------------------------------------

APACHE = path_of("apache2") or path_of("httpd")

# User and Group apply if root runs this: Apache's children do not serve as root. Mutexes of pthread
# do not outlive a killed process.
APACHE_CONF = """\
ServerRoot {scratch}
ServerName localhost
Listen 127.0.0.1:{port}
ListenBacklog 1024
PidFile {scratch}/{port}.pid
DefaultRuntimeDir {scratch}
ErrorLog /dev/stderr
LogLevel error
Mutex pthread
User #65534
Group #65534
"""
MOD_WSGI_CONF = """\
WSGISocketPrefix {scratch}/mod_wsgi
WSGIAcceptMutex pthread
WSGIDaemonProcess app processes=2 threads=1 python-path={apps}
WSGIScriptAlias / {scratch}/app.wsgi process-group=app application-group=%{GLOBAL}
"""
CGI_CONF = "ScriptAlias / {scratch}/cgi-bin/\n"


def path_of_module(name):
    """Finds a module of Debian or Fedora, where the name may contain the version of Python."""
    for directory in "/usr/lib*/apache2", "/usr/lib*/httpd":
        for found in glob.glob(f"{directory}/modules/mod_{name}*.so"):
            if re.search(rf"/mod_{name}(_python3)?\.so$", found):
                return found
    return None


def apache(app, name, scratch, modules, conf, **others):
    """Apache, with these modules; the last one serves the app."""
    built_in = subprocess.run([APACHE, "-l"], capture_output=True, text=True, check=True).stdout
    load = "".join(f"LoadModule {module}_module {path_of_module(module)}\n"
                   for module in ("mpm_event", "authz_core", "unixd", *modules)
                   if f"mod_{module}.c" not in built_in)
    files = others.pop("files")
    files["apache.conf"] = load + APACHE_CONF + conf
    command = [APACHE, "-DFOREGROUND", "-f", "{scratch}/apache.conf"]
    return Server(app, name, command, scratch, files=files, **others)


def mod_wsgi(app, name, scratch):
    """Its daemons import the app when they start, because WSGIScriptAlias names the group."""
    script = "from {module} import {callable} as application\n"
    return apache(app, name, scratch, ["wsgi"], MOD_WSGI_CONF, files={"app.wsgi": script})


def mod_cgi(app, name, scratch):
    return apache(app, name, scratch, ["alias", "cgi"], CGI_CONF, target="/app",
                  files={"cgi-bin/app": CGI_SCRIPT})


# ---- load ---------------------------------------------------------------------------------------


def one_client(server, seconds):
    """Returns requests/s, the seconds of each request, and the CPU seconds per request."""
    cpu_before = server.cpu()
    times = []
    started = time.perf_counter()
    while len(times) < 4 or time.perf_counter() < started + seconds:
        times.append(server.ask())
    rate = len(times) / (time.perf_counter() - started)
    return rate, times, (server.cpu() - cpu_before) / len(times)


def paced(server, requests):
    """Returns the seconds of each request."""
    times = []
    due = time.perf_counter()
    for _ in range(requests):
        due = max(due + PACE, time.perf_counter())
        time.sleep(max(0, due - time.perf_counter()))
        times.append(server.ask())
    server.wait_until_idle()
    return times


def wrk(server):
    """Returns the requests/s of 16 clients."""
    command = ["wrk", "--threads=1", "--connections=16", "--duration=1s", "--timeout=30s",
               "--header=Connection: close", f"http://127.0.0.1:{server.port}{server.target}"]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, encoding="utf-8",
                          check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise Wrong(f"failed under load:\n{done.stdout}")
    server.wait_until_idle()
    return float(re.search(r"Requests/sec: +([\d.]+)", done.stdout)[1])


def sixteen_threads(server, requests):
    """Returns the requests/s of 16 clients."""
    waiting, failures = iter(range(requests)), []

    def client():
        try:
            for _ in waiting:
                server.ask()
        except Exception as error:  # pylint: disable=broad-except # raised again below
            failures.append(error)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(16)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    if failures:
        raise failures[0]
    server.wait_until_idle()
    return requests / took


def sixteen(server, seconds=1):
    """Returns the requests/s of 16 clients. They are wrk's; or, for slow servers and less than a
    second, which wrk does not support, sixteen threads that wait for all answers."""
    if server.is_slow or seconds < 1:
        return sixteen_threads(server, 32 if server.rate > 8 else 16)
    return wrk(server)


# ---- running a measurement ----------------------------------------------------------------------


def interrupt(*_):
    raise KeyboardInterrupt


def run(main):
    """Runs the main function of a script. This process reaps orphans, and leaves no processes."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    gc.disable()
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"bench: {wrong}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_all()
