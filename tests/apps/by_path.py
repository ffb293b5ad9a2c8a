"""Calls the app in the first segment of the path, MODULE or MODULE:CALLABLE, or hello. So a test
needs only one server for several apps."""

import importlib
from wsgiref.util import shift_path_info


def app(environ, start_response):
    module, _, name = (shift_path_info(environ) or "hello").partition(":")
    return getattr(importlib.import_module(module), name or "app")(environ, start_response)
