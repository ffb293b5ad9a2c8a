"""Functions that are easier to write in Python than with the C API; helpers.c calls them.

Most processes call none of these functions. So each one is compiled alone, when it is called: it
imports what it uses, and cannot refer to other functions of this file. Two blank lines end it.
This must run with Python 3.9 and later.
"""


def list_threads():
    """The names of the running threads that Python code started, quoted."""
    import sys

    if "threading" not in sys.modules:
        return ""
    import threading

    main = threading.main_thread()
    return ", ".join(repr(thread.name) for thread in threading.enumerate() if thread is not main)


def describe_interpreter():
    """Lines with a label each; see python_describe."""
    import sys

    return "interpreter  %s, Python %s\nvenv         %s\nsys.path     %s\n" % (
        sys.executable,
        sys.version.split()[0],
        sys.prefix if sys.prefix != sys.base_prefix else "none",
        ("\n" + 13 * " ").join(map(str, sys.path)),
    )


def describe_app(app):
    """Functions and methods have a name and a place. Of other objects, the class is named."""
    try:
        place = (app.__qualname__, app.__code__.co_filename, app.__code__.co_firstlineno)
        return "function %s, %s:%d" % place
    except BaseException:  # the app's attributes may raise anything
        kind = type(app)
        if kind is type:
            return "class %s of %s" % (app.__qualname__, app.__module__)
        return "%s object of %s" % (kind.__qualname__, kind.__module__)


def get_compile_arguments(sources):
    """The arguments of a python command, for a shell, that compiles these source files.

    A directory of sys.path stands for all of the sources in it.
    """
    import sys

    def quote(text):  # as shlex.quote, without the import of shlex
        letters = text.translate({ord(c): "_" for c in "/.-+=,:@0123456789"})
        return text if letters.isidentifier() else "'" + text.replace("'", "'\\''") + "'"

    entries = [entry.rstrip("/") for entry in sys.path if isinstance(entry, str)]
    roots = set()
    for source in sources:
        parents = [entry for entry in entries if entry and source.startswith(entry + "/")]
        roots.add(max(parents, key=len, default=source.rpartition("/")[0] or "/"))

    arguments = []
    if sys.flags.optimize:
        arguments.append("-" + sys.flags.optimize * "O")
    if sys.pycache_prefix:
        arguments += ["-X", quote("pycache_prefix=" + sys.pycache_prefix)]
    arguments += ["-m", "compileall", "-q"]
    for root in sorted(roots):
        if not any(root.startswith(other + "/") for other in roots):
            arguments.append(quote(root))
    return " ".join(arguments)


def renew_variable(values):
    """See python_renew_variable. The values are bytes or None."""
    import os

    name, old, new = values
    variables = os.environ._data
    if variables.get(name) == old:
        if new is None:
            variables.pop(name, None)
        else:
            variables[name] = new


def observe(note, app_name):
    """Calls note(path) for each source file that is imported; see observe.h.

    The loader of importlib first gets the times of the source. If it cannot (OSError), importlib
    uses no bytecode. Then the loader reads the source. It also reads other files, such as resources
    of a package. A namespace package has no __init__.py and no loader, and none of its files is
    read. But a file that is added to its directory would change the import, so an __init__.py is
    noted.
    """
    import _frozen_importlib_external as external
    import os
    import sys

    loader, finder = external.SourceFileLoader, external.PathFinder
    site = sys.modules.get("site")
    installed = [os.path.dirname(os.__file__)]
    if site:
        installed += site.getsitepackages() + [site.USER_SITE or ""]
    installed = tuple(path + "/" for path in installed if path)
    path_stats, get_data = loader.path_stats, loader.get_data
    find_spec = finder.find_spec.__func__

    def is_source(self, path):
        return path == self.path and (
            not path.startswith(installed) or self.name.partition(".")[0] == app_name
        )

    def path_stats_of_others(self, path):
        if is_source(self, path):
            raise OSError("--reload: bytecode is not used")
        return path_stats(self, path)

    def get_observed_data(self, path):
        if is_source(self, path):
            note(path)
        return get_data(self, path)

    def find_observed_spec(cls, name, path=None, target=None):
        spec = find_spec(cls, name, path, target)
        if spec and not spec.loader:
            for place in spec.submodule_search_locations or ():
                if not place.startswith(installed):
                    note(place + "/__init__.py")
        return spec

    finder.find_spec = classmethod(find_observed_spec)
    loader.path_stats, loader.get_data = path_stats_of_others, get_observed_data
