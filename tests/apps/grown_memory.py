"""Uses memory that the import has allocated in ways that differ for memory of files."""

import mmap

SIZE = 1 << 20
block = bytearray(b"x" * (4 << 20))
mapped = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
mapped.write(b"x" * SIZE)


def given_back():
    mapped.madvise(mmap.MADV_DONTNEED)
    return mapped[:SIZE] == bytes(SIZE)


def grown():
    block.extend(bytes(256 << 20))
    return len(block), block.count(b"x")


def app(environ, start_response):
    value = globals()[environ["PATH_INFO"][1:]]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{value}\n".encode()]
