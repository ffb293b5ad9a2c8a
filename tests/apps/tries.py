"""Tries what a sandbox may refuse: /DEED/ARGUMENT. Sends "done", or the name of the error."""

import contextlib
import ctypes
import errno
import mmap
import os
import platform
import signal
import socket
import stat
import subprocess
import tempfile
import time

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    """Raises OSError for an error return of libc."""
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


@contextlib.contextmanager
def allow_errno(allowed):
    try:
        yield
    except OSError as error:
        if error.errno != allowed:
            raise


# ---- files ----


def reads(path):
    with open(path, "rb") as file:
        file.read(1)


def writes(path):
    with open(path, "wb") as file:
        file.write(b"written")


def lists(path):
    os.listdir(path)


def makes_directory(path):
    os.mkdir(path)
    os.rmdir(path)


def makes_directory_in_own_cgroup(_):
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        paths = dict(line.rstrip("\n").split(":", 2)[1:] for line in file)
    if os.path.isdir("/sys/fs/cgroup/systemd"):
        makes_directory(f"/sys/fs/cgroup/systemd{paths['name=systemd']}/probe")
    else:
        makes_directory(f"/sys/fs/cgroup{paths['']}/probe")


def makes_device(_):
    with tempfile.TemporaryDirectory() as directory:
        os.mknod(f"{directory}/null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))


def makes_setuid(_):
    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, 0o4755)


def sees_owner(path):
    nobody = 65534
    if os.stat(path).st_uid == nobody:
        raise PermissionError(errno.EPERM, "")


def connects(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)


def sends_to_port(port):
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"", ("127.0.0.1", int(port)))


# ---- privileges and processes ----


def becomes_root_by(program):
    """The program is a setuid id(1). A process that is root first becomes another user."""
    user = {"user": 65534} if os.geteuid() == 0 else {}
    result = subprocess.run([program, "-u"], capture_output=True, check=True, **user)
    if result.stdout != b"0\n":
        raise PermissionError(errno.EPERM, "")


def sees_processes_of_others(_):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if os.stat(f"/proc/{pid}").st_uid not in (os.getuid(), 65534):
            return
    raise ProcessLookupError(errno.ESRCH, "")


def traces_a_child(_):
    attach = 16
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        check(libc.ptrace(attach, child, None, None))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def forks(times):
    children = []
    try:
        for _ in range(int(times)):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def becomes_real_time(_):
    """Uses an invalid priority: see sets_clock."""
    with allow_errno(errno.EINVAL):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(0))


def changes_personality(_):
    no_randomization = 0x0040000
    check(libc.personality(no_randomization))


def calls_as_32_bit(_):
    """Calls getpid(2) by its number for i386. The code is mapped from a file, since memory that is
    writable and executable is another deed."""
    if platform.machine() != "x86_64":
        raise NotImplementedError
    child = os.fork()
    if child == 0:
        with tempfile.TemporaryFile() as file:
            file.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
            file.flush()
            code = map_to_execute(file.fileno(), 8)
            os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(code)() == os.getpid() else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise SystemError(signal.Signals(os.WTERMSIG(status)).name)
    if status != 0:
        raise SystemError("another answer")


def map_to_execute(descriptor, size):
    libc.mmap.restype = ctypes.c_void_p
    address = libc.mmap(
        None,
        ctypes.c_size_t(size),
        mmap.PROT_READ | mmap.PROT_EXEC,
        mmap.MAP_PRIVATE,
        descriptor,
        ctypes.c_long(0),
    )
    check(-1 if address == ctypes.c_void_p(-1).value else 0)
    return address


def maps_to_write_and_execute(_):
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


# ---- the machine ----


def mounts(_):
    with tempfile.TemporaryDirectory() as directory:
        check(libc.mount(b"none", directory.encode(), b"tmpfs", 0, None))
        check(libc.umount2(directory.encode(), 0))


def unshares(namespace):
    flags = {"cgroup": 0x02000000, "ipc": 0x08000000, "mnt": 0x00020000, "net": 0x40000000}
    flags |= {"pid": 0x20000000, "user": 0x10000000, "uts": 0x04000000}
    check(libc.unshare(flags[namespace]))


def opens_socket(kind):
    socket.socket(*(getattr(socket, name) for name in kind.split(","))).close()


def sets_hostname(_):
    socket.sethostname(socket.gethostname())


def sets_clock(_):
    """Uses an invalid time: with the permission, the error is EINVAL, and nothing changes. libc
    would not make the system call."""
    number = {"x86_64": 227, "aarch64": 112}[platform.machine()]
    too_many_nanoseconds = (ctypes.c_long * 2)(0, 10**9)
    with allow_errno(errno.EINVAL):
        check(libc.syscall(number, time.CLOCK_REALTIME, too_many_nanoseconds))


def sets_up_io_uring(_):
    number = 425  # on every architecture
    parameters = ctypes.create_string_buffer(120)
    ring = libc.syscall(number, 1, parameters)
    check(ring)
    os.close(ring)


def asks_kernel_log(_):
    size_of_buffer = 10
    check(libc.klogctl(size_of_buffer, None, 0))


def app(environ, start_response):
    deed, _, argument = environ["PATH_INFO"][1:].partition("/")
    try:
        # In /DEED//PATH, the argument is an absolute path.
        globals()[deed](argument.replace("//", "/"))
        answer = "done"
    except OSError as error:
        answer = errno.errorcode[error.errno]
    except SystemError as error:
        answer = str(error)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
