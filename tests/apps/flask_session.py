"""A Flask app with a session in a signed cookie."""

from flask import Flask, redirect, request, session

app = Flask(__name__)
app.secret_key = "for tests only"


@app.get("/")
def index():
    return f"{session.get('name', 'nobody')}\n"


@app.post("/login")
def login():
    session["name"] = request.form["name"]
    return redirect("/")
