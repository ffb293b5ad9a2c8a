"""Shows the Python interpreter that runs it, one line KEY=repr for each fact."""

import os
import subprocess
import sys

ASK = "import sys; print(sys.prefix, sys.base_prefix, sys.executable)"


def find(module):
    try:
        return __import__(module).__file__
    except ImportError:
        return None


def app(environ, start_response):
    child = subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True, text=True)
    values = {
        "version": sys.version,
        "prefix": sys.prefix,
        "exec_prefix": sys.exec_prefix,
        "base_prefix": sys.base_prefix,
        "base_exec_prefix": sys.base_exec_prefix,
        "executable": sys.executable,
        "base_executable": sys._base_executable,
        "library": os.__file__,
        "path": sys.path,
        "argv": sys.argv,
        "only_in_venv": find("only_in_venv"),
        "flask": find("flask"),
        "child": child.stdout.split(),
    }
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["".join(f"{key}={value!r}\n" for key, value in values.items()).encode()]
