"""Answers whether JOURNAL_STREAM names its standard error, and logs the request there."""

import os
import sys


def app(environ, start_response):
    status = os.fstat(2)
    expected = f"{status.st_dev}:{status.st_ino}"
    print("said of", environ["HTTP_X_REQUEST_ID"], file=sys.stderr)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"yes" if os.environ.get("JOURNAL_STREAM") == expected else b"no"]
