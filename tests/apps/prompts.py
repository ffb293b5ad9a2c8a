"""Prompts the user at the terminal, in several ways."""

import getpass
import os
import subprocess


def ask(name):
    if name == "hello":
        return name
    if name == "input":
        return input("What? ")
    if name == "breakpoint":
        value = "unchanged"
        breakpoint()  # noqa: T100
        return value
    if name == "getpass":
        return getpass.getpass("Secret? ")
    return subprocess.run(["sh", "-c", "read -r line && echo $line"], stdout=subprocess.PIPE,
                          check=True, text=True).stdout.strip()


if os.environ.get("PROMPT"):
    WORD = ask(os.environ["PROMPT"])


def app(environ, start_response):
    name = environ["PATH_INFO"][1:]
    answer = ask(name) if name else WORD
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode() + b"\n"]
