"""Has a guard page in memory that it uses (MADV_GUARD_INSTALL, Linux 6.13)."""

import ctypes
import mmap

MADV_GUARD_INSTALL = 102
libc = ctypes.CDLL(None)
memory = mmap.mmap(-1, 64 << 12, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory[: 8 << 12] = b"x" * (8 << 12)
memory[12 << 12 : 20 << 12] = b"x" * (8 << 12)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc.madvise(ctypes.c_void_p(address + (10 << 12)), 1 << 12, MADV_GUARD_INSTALL)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{memory[: 8 << 12].count(b'x')} {memory[12 << 12 :].count(b'x')}\n".encode()]
