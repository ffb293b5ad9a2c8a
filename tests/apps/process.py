"""Shows in which process it runs and what earlier requests have changed, one line KEY=VALUE each.

Each import adds a line to the file "imports".
"""

import os

count = 0
importer = os.getpid()

with open(os.environ["FIFOS"] + "/imports", "a", encoding="ascii") as file:
    file.write(f"{importer}\n")


def app(environ, start_response):
    global count
    count += 1
    values = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "importer": importer,
        "count": count,
        "variable": os.environ.get("LEFT_BY_A_REQUEST"),
        "attribute": hasattr(os, "left_by_a_request"),
        "directory": os.getcwd(),
        "umask": os.umask(0o777),
    }
    os.environ["LEFT_BY_A_REQUEST"] = "yes"
    os.left_by_a_request = True
    os.chdir("/proc")
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["".join(f"{key}={value}\n" for key, value in values.items()).encode()]
