"""A Flask app that stores texts in a database in its state directory and a counter in its cache
directory."""

import os
import sqlite3

from flask import Flask, request

app = Flask(__name__)


def database():
    connection = sqlite3.connect(os.environ["STATE_DIRECTORY"] + "/notes.db")
    connection.execute("CREATE TABLE IF NOT EXISTS notes (text)")
    return connection


@app.route("/", methods=["GET", "POST"])
def notes():
    with database() as connection:
        if request.method == "POST":
            connection.execute("INSERT INTO notes VALUES (?)", (request.form["text"],))
        return " ".join(text for (text,) in connection.execute("SELECT text FROM notes"))


@app.route("/cache")
def cache():
    with open(os.environ["CACHE_DIRECTORY"] + "/visits", "a+") as file:
        file.write("x")
        file.seek(0)
        return str(len(file.read()))


@app.route("/where")
def where():
    return " ".join([os.environ["HOME"], os.getcwd(), *os.listdir("/tmp"), *os.listdir("/var/tmp")])


@app.route("/leave")
def leave():
    for directory in "/tmp", "/var/tmp":
        with open(directory + "/left", "w"):
            pass
    return where()
