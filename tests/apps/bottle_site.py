"""The tasks of tests/63-frameworks.bats in Bottle."""

import os

from bottle import Bottle, redirect, request, response, static_file

app = Bottle()


@app.get("/hello/<name>")
def hello(name):
    response.content_type = "text/plain; charset=UTF-8"
    return f"Hello, {name}.\n"


@app.post("/form")
def form():
    upload = request.files.get("file")
    size = len(upload.file.read()) if upload else None
    # Parts of multipart content are already decoded, which Bottle 0.12 does not expect.
    text = request.forms.getunicode("text") or request.forms["text"]
    return f"{text} {size}\n"


@app.get("/moved")
def moved():
    redirect("/hello/you", 302)


@app.get("/source")
def source():
    return static_file(os.path.basename(__file__), root=os.path.dirname(__file__))


@app.get("/stream")
def stream():
    return (f"{n}\n" for n in range(3))


@app.get("/fail")
def fail():
    raise LookupError("on purpose")
