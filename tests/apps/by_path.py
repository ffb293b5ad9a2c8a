"""Runs the app named by the first part of the path, MODULE or MODULE:CALLABLE, or hello: for tests
that start a server once."""

import importlib
from wsgiref.util import shift_path_info


def app(environ, start_response):
    module, _, name = (shift_path_info(environ) or "hello").partition(":")
    return getattr(importlib.import_module(module), name or "app")(environ, start_response)
