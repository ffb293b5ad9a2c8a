"""Does what the path names, and answers with the result in the format of repr()."""

import mmap
import os
import sqlite3


def make(environ):
    """Makes a directory below the state directory and returns its path."""
    path = f"{os.environ['STATE_DIRECTORY']}/files/{environ['QUERY_STRING']}"
    os.mkdir(path)
    return path


def make_setgid(environ):
    os.chmod(make(environ), 0o2755)


DEEDS = {
    "/client": lambda environ: (environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]),
    "/home": lambda environ: os.environ["HOME"],
    "/database": lambda environ: sqlite3.connect("symptoms.db").execute("create table t (c)"),
    "/state": lambda environ: sqlite3.connect(os.environ["STATE_DIRECTORY"] + "/symptoms.db")
    .execute("create table t (c)")
    .fetchall(),
    "/write": lambda environ: open("symptoms.txt", "w", encoding="ascii").close(),
    "/machine": lambda environ: open("/proc/meminfo", encoding="ascii").close(),
    "/setgid": make_setgid,
    "/inherits": lambda environ: oct(os.stat(make(environ)).st_mode),
    "/jit": lambda environ: len(
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    ),
}


def app(environ, start_response):
    try:
        result = repr(DEEDS[environ["PATH_INFO"]](environ))
    except (KeyError, OSError, sqlite3.Error) as error:
        result = repr(error)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [result.encode()]
