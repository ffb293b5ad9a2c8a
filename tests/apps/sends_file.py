"""Sends the file in the field File through wsgi.file_wrapper, and logs whether it is closed at
exit.

File is a Python expression, as is Headers.
"""

import atexit
import bz2
import gzip
import io
import os
import tempfile
import zipfile

FILES = os.environ["FIFOS"]


def after(file, size):
    """Reads the first bytes of a file and returns it."""
    file.read(size)
    return file


def at(file, offset):
    """Moves a file to an offset and returns it."""
    file.seek(offset)
    return file


def written(file, data):
    """Writes to a file without flushing and returns it."""
    file.write(data)
    return file


def pipe(data):
    """A pipe with data and an end."""
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return open(reader, "rb")


def open_pipe(data):
    """A pipe whose writing end stays open."""
    reader, open_pipe.writer = os.pipe()
    os.write(open_pipe.writer, data)
    return open(reader, "rb")


class Reader:
    """Has only read()."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def read(self, size):
        return self.file.read(size)


class Generous(Reader):
    """Reads more than requested."""

    def read(self, size):
        return super().read(size + 3)


class Closing(Reader):
    """Counts the calls of close()."""

    count = 0

    def close(self):
        self.count += 1
        print(f"close() number {self.count}")


class Upper(io.FileIO):
    """A regular file whose read methods return other bytes than the file has."""

    def read(self, size=-1):
        return super().read(size).upper()

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def app(environ, start_response):
    file = eval(environ["HTTP_FILE"])
    atexit.register(lambda: print("closed:", getattr(file, "closed", None)))
    start_response(environ.get("HTTP_STATUS", "200 OK"), eval(environ.get("HTTP_HEADERS", "[]")))
    return environ["wsgi.file_wrapper"](file)
