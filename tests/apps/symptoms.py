"""Does what the path names, and answers with what became of it, as repr() shows it."""

import mmap
import os
import sqlite3

DEEDS = {
    "/client": lambda environ: (environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]),
    "/home": lambda environ: os.environ["HOME"],
    "/database": lambda environ: sqlite3.connect("symptoms.db").execute("create table t (c)"),
    "/state": lambda environ: sqlite3.connect(os.environ["STATE_DIRECTORY"] + "/symptoms.db")
    .execute("create table t (c)")
    .fetchall(),
    "/write": lambda environ: open("symptoms.txt", "w", encoding="ascii").close(),
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
