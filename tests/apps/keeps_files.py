"""Opens files at import and keeps them open, as log handlers and databases do. A request writes to
them, and its answer describes the descriptors."""

import fcntl
import logging
import os
import sqlite3

FIFOS = os.environ["FIFOS"]
FLAGS = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK | os.O_DIRECTORY

logging.basicConfig(
    level=logging.INFO,
    format="%(message)s",
    handlers=[logging.FileHandler(f"{FIFOS}/records")],
)
logging.info("imported")

database = sqlite3.connect(f"{FIFOS}/database")
database.execute("create table if not exists colors (name)")
if not database.execute("select count(*) from colors").fetchone()[0]:
    database.execute("insert into colors values ('red')")
    database.commit()

if not os.path.exists(f"{FIFOS}/poem"):
    with open(f"{FIFOS}/poem", "w", encoding="ascii") as file:
        file.write("first line\nsecond line\n")
poem = open(f"{FIFOS}/poem", "rb", buffering=0)
poem.read(len("first line\n"))
again = os.dup(poem.fileno())
inherited = os.open(f"{FIFOS}/poem", os.O_RDONLY)
os.set_inheritable(inherited, True)
null = open("/dev/null", "wb")
directory = os.open(FIFOS, os.O_RDONLY | os.O_DIRECTORY)
lock = open(f"{FIFOS}/lock", "a", encoding="ascii")
fcntl.flock(lock, fcntl.LOCK_EX)


def describe(fd):
    status = os.fstat(fd)
    flags = fcntl.fcntl(fd, fcntl.F_GETFL) & FLAGS
    return (status.st_ino, oct(flags), os.get_inheritable(fd))


def is_locked():
    with open(f"{FIFOS}/lock", "a", encoding="ascii") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def app(environ, start_response):
    kept = [lock.fileno(), poem.fileno(), again, inherited, null.fileno(), directory]
    kept.append(logging.root.handlers[0].stream.fileno())
    facts = [describe(fd) for fd in kept]
    facts.append(("locked", is_locked()))
    logging.info("a request")
    null.write(b"nothing")
    facts.append(("color", database.execute("select name from colors").fetchone()[0]))
    facts.append(("read", os.read(poem.fileno(), 6)))
    facts.append(("shared offset", os.lseek(again, 0, os.SEEK_CUR)))
    facts.append(("own offset", os.lseek(inherited, 0, os.SEEK_CUR)))
    facts.append(("directory", os.path.basename(os.readlink(f"/proc/self/fd/{directory}"))))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(f"{fact}\n" for fact in facts).encode()]
