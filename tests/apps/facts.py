"""Shows what a module's code finds, one fact a line, during the import and in a request."""

import contextlib
import dataclasses
import datetime
import inspect
import io
import linecache
import multiprocessing
import pickle
import sys
import time
import traceback
import typing
import warnings

if __name__ == "__main__":
    raise SystemExit("this is no program")


# Evaluated before any eval(), which adds __builtins__ where it is missing.
NAMES = sorted({name for name in globals() if name[:2] == "__"} - {"__cached__"})
DAY = time.strptime("2026-01-02", "%Y-%m-%d").tm_yday
FILE = repr(__file__)[1:-1]


@dataclasses.dataclass
class Point:
    x: int
    y: "typing.Optional[Point]" = None


class Shape(typing.NamedTuple):
    corner: "Point"


def double(number):
    return 2 * number


def send_double(connection, point):
    connection.send(Point(double(point.x)))


def fail():
    raise LookupError("failed")  # this line is shown


def fail_in_c():
    sorted([1, 2], key=lambda number: fail())


def text_of(function):
    try:
        function()
    except LookupError:
        return traceback.format_exc()


def warn():
    with contextlib.redirect_stderr(io.StringIO()) as text, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("beware")  # this one, too
    return text.getvalue()


def run_process(method):
    context = multiprocessing.get_context(method)
    ours, its = context.Pipe()
    process = context.Process(target=send_double, args=(its, Point(21)))
    process.start()
    its.close()
    result = ours.recv()
    process.join()
    return result, type(result) is Point, process.exitcode


EXPRESSIONS = """
NAMES, DAY
type(__builtins__)
sys.modules[__name__].__dict__ is globals()
sys.modules[__name__] is __import__(__name__)
__package__, __doc__
__spec__.name == __name__, __spec__.origin == __file__, __spec__.has_location
__spec__.parent, __spec__.submodule_search_locations, __spec__.loader_state
getattr(__spec__, "_initializing", False)
__loader__ is __spec__.loader, type(__loader__).__name__, __loader__.is_package(__name__)
__loader__.name == __name__, __loader__.path == __file__
__loader__.get_source(__name__) == open(__file__).read()
__loader__.get_code(__name__).co_filename == __file__
[type(finder).__name__ for finder in sys.meta_path]
double.__module__ == __name__, Point.__module__ == __name__
time.strptime("2026-01-02", "%Y-%m-%d").tm_yday
datetime.datetime.strptime("2026-01-02", "%Y-%m-%d").day
list(map(datetime.datetime.fromisoformat, ["2026-01-02"]))
eval("__import__('json').dumps(1)")
b"\\\\N{DIGIT ONE}".decode("unicode_escape")
pickle.loads(pickle.dumps(Point(1, Point(2))))
pickle.loads(pickle.dumps([double, Shape, Point]))[0] is double
dataclasses.replace(Point(1), x=2)
typing.get_type_hints(Point)["y"] == typing.Optional[Point]
typing.get_type_hints(Shape)["corner"] is Point
inspect.getmodule(Point) is sys.modules[__name__]
inspect.getsource(Point), inspect.getsource(double)
inspect.getsourcefile(double) == __file__
linecache.getline(__file__, 1)
text_of(fail)
text_of(fail_in_c)
warn()
"""
IN_REQUEST = """
run_process("fork")
run_process("spawn")
run_process("forkserver")
"""


def find_facts(when, expressions):
    for expression in expressions.strip().splitlines():
        try:
            value = repr(eval(expression))
        except Exception as error:
            value = f"{error!r}"
        yield f"{when}: {expression} -> {value.replace(FILE, 'FILE')}\n"


facts = list(find_facts("import", EXPRESSIONS))


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    yield "".join([*facts, *find_facts("request", EXPRESSIONS.rstrip() + IN_REQUEST)]).encode()
