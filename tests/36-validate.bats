#!/usr/bin/env bats
# ways: both

load helpers

# serve_strictly APP: serves it with warnings as errors.
serve_strictly() {
  PYTHONWARNINGS=error serve "$@"
}

# clean: the process has exited with success, and neither the validator nor a warning printed
# anything.
clean() {
  equal "$(exit_status)" 0 && equal "$(cat "$LOG")" ""
}

@test "the validator is active" {
  serve_strictly validated:wrong
  equal "$(status /)" 500
  logged AssertionError
}

@test "warnings are errors" {
  serve_strictly responds:app
  equal "$(status / -H "Return: __import__('warnings').warn('a warning')")" 500
  logged "UserWarning: a warning"
}

@test "every kind of answer is valid" {
  local app
  for app in hello length generator writes; do
    serve_strictly "validated:$app"
    equal "$(http /path?query)" "the answer"
    clean
  done
}

@test "HTTP/1.0 without a Host is valid" {
  serve_strictly validated:hello
  run -0 talk send 'GET / HTTP/1.0\r\n\r\n' read
  contains "$output" "the answer"
  clean
}

@test "HEAD is valid" {
  local app
  for app in hello length generator; do
    serve_strictly "validated:$app"
    equal "$(http / --head --output /dev/null --write-out '%{http_code}')" 200
    clean
  done
}

@test "an answer without content is valid" {
  serve_strictly validated:no_content
  equal "$(status / -X DELETE)" 204
  clean
}

@test "every way to read is valid in both framings" {
  serve_strictly validated:reads
  local expected="[b'o', b'ne\n', b'tw', b'o\n', b'three\n', b'four', b'']"
  equal "$(http / --data-binary $'one\ntwo\nthree\nfour')" "$expected"
  clean
  equal "$(http / --data-binary $'one\ntwo\nthree\nfour' -H "Transfer-Encoding: chunked")" \
    "$expected"
  clean
}

@test "iterating the content is valid, even if there is none" {
  serve_strictly validated:iterates
  equal "$(http / -d "content" -H "Content-Type:")" content
  clean
  equal "$(http /)" ""
  clean
}

@test "wsgi.file_wrapper is valid" {
  printf "the answer" >"$FIFOS/file"
  serve_strictly validated:sends_file
  equal "$(http /)" "the answer"
  clean
}

@test "wsgi.errors is valid" {
  serve_strictly validated:prints
  equal "$(http /)" "the answer"
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" $'one\ntwo\nthree'
}

@test "a mounted app is valid" {
  serve_strictly --mount=/app validated:hello
  local path
  for path in /app /app/ /app/x; do
    equal "$(http "$path")" "the answer"
    clean
  done
}
