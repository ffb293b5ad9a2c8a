"""Imports large libraries in C, as many projects do, and uses each of them in a request."""

import io
import sqlite3

import lxml.etree
import numpy
import PIL.Image
import psycopg2.extensions
import requests
import sqlalchemy
from cryptography.fernet import Fernet

KEY = Fernet(Fernet.generate_key())


def app(environ, start_response):
    picture = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        selected = connection.execute(sqlalchemy.text("select 20 + 22")).scalar()
    facts = [
        str(numpy.arange(10).reshape(2, 5).dot(numpy.ones(5)).sum()),
        lxml.etree.fromstring("<a><b>text</b></a>").findtext("b"),
        picture.getvalue()[1:4].decode(),
        str(psycopg2.extensions.adapt("it's")),
        requests.Request("GET", "http://localhost/", params={"a": "b c"}).prepare().url,
        str(selected),
        KEY.decrypt(KEY.encrypt(b"secret")).decode(),
        str(sqlite3.connect(":memory:").execute("select 1").fetchone()),
    ]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["".join(f"{fact}\n" for fact in facts).encode()]
