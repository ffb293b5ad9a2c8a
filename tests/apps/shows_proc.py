"""Shows what /proc says about its process."""

import os


def app(environ, start_response):
    with open("/proc/self/cmdline", encoding="utf-8") as file:
        arguments = file.read().rstrip("\0").split("\0")
    with open("/proc/self/maps", encoding="utf-8") as file:
        maps = file.read()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    lines = (
        "cmdline=" + " ".join(arguments),
        "exe=" + os.readlink("/proc/self/exe"),
        f"heap={'[heap]' in maps}",
        f"stack={'[stack]' in maps}",
        "programs=%d" % len({line.split()[0].split("-")[0] for line in maps.splitlines()
                             if "wsgi-once" in line and "r-xp" in line}),
    )
    return ["".join(line + "\n" for line in lines).encode()]
