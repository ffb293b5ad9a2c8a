"""Prints each request to standard output. Answers whether it can connect to /TCP-PORT, or with its
credential at /secret; takes all available memory at /eat."""

import os
import socket


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError as error:
        return os.strerror(error.errno)
    return "connected"


def secret():
    with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], "token"), encoding="ascii") as file:
        return file.read()


def eat():
    eaten = []
    while True:
        eaten.append(b"x" * 1000000)


def answer(path):
    if path == "/":
        return "Hello.\n"
    if path == "/eat":
        return eat()
    return secret() if path == "/secret" else connects(int(path[1:]))


def app(environ, start_response):
    print("the app was asked for", environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer(environ["PATH_INFO"]).encode()]
