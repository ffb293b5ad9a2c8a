"""Shows the types in its environ, and the wsgi.* values whose repr is not stable."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    lines = [f"environ: {type(environ) is dict}"]
    for key, value in environ.items():
        lines.append(f"{type(key).__name__} {key}: {type(value).__name__}")
        if isinstance(value, str) and max(value, default="") > "\xff":
            lines.append(f"{key} is not Latin-1")
    lines.append(f"errors: {all(hasattr(environ['wsgi.errors'], n) for n in METHODS)}")
    lines.append(f"file_wrapper: {callable(environ['wsgi.file_wrapper'])}")
    return ["".join(f"{line}\n" for line in lines).encode()]


METHODS = "write", "writelines", "flush"
