"""The demo app of the README: a small Flask app."""

from flask import Flask, request
from markupsafe import escape

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def index():
    if request.method == "POST":
        return f"You sent: {escape(request.form.get('text', ''))}\n"
    return "Hello from a process of its own.\n"


@app.route("/user/<name>")
def user(name):
    return f"Hello, {escape(name)}.\n"
