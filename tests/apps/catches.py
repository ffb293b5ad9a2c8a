"""Answers with the name of the exception that reading the content raises."""


def app(environ, start_response):
    try:
        environ["wsgi.input"].read()
        answer = "nothing raised"
    except Exception as error:
        answer = type(error).__name__
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
