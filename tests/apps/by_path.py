"""The app that the first part of the path names, MODULE or MODULE:CALLABLE, or hello: for tests
that start servers once."""

import importlib
from wsgiref.util import shift_path_info


def app(environ, start_response):
    module, _, name = (shift_path_info(environ) or "hello").partition(":")
    return getattr(importlib.import_module(module), name or "app")(environ, start_response)
