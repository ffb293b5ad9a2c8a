#!/usr/bin/env bats
# ways: all

# A child forked by the app inherits the connection, and the server's frames on the stack.

load helpers

@test "a child that calls sys.exit() exits with that status, and the parent answers" {
  serve forks:exits
  equal "$(http /)" parent
  logged "child ended with 3"
  equal "$(exit_status)" 0
  not_logged Traceback
}

@test "a child that raises exits with 1 and a traceback, and the parent answers" {
  serve forks:fails
  equal "$(http /)" parent
  logged "child ended with 1"
  logged ZeroDivisionError
  equal "$(exit_status)" 0
}

@test "output of a child does not get into the answer" {
  serve forks:writes
  equal "$(http /)" parent
  logged "child ended with 1"
  logged PermissionError
}

@test "a child's items do not get into the answer and do not end it" {
  serve forks:yields
  equal "$(http /)" "before after"
  equal "$(exit_status)" 0
}

@test "a child cannot read the content instead of its parent" {
  serve forks:reads
  # The content follows after the head, when the parent has already forked.
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n' \
    send 'Expect: 100-continue\r\n\r\n' expect '100 Continue\r\n\r\n' send hello read
  contains "$output" "hello"
}

@test "a child forked in close() exits with its status" {
  serve forks:closes
  equal "$(http /)" parent
  logged "child ended with 4"
  equal "$(exit_status)" 0
  not_logged Traceback
}

@test "a child forked at import does not answer" {
  serve forks_at_import:app
  equal "$(http /)" parent
  equal "$(exit_status)" 0
  not_logged "cannot load"
}

# ends_connection CURL-STATUS [CURL-ARGUMENT]...: the client sees the end of the connection while
# children of the request are still running.
ends_connection() {
  run "-$1" http / "${@:2}"
  rm "$FIFOS/stay"
}

@test "a surviving child does not hold the connection of a worker that crashes" {
  serve forks:crashes
  ends_connection 52
}

@test "a surviving child does not hold the connection of a worker killed by --request-timeout" {
  local timeout=500ms
  [[ -z ${SANITIZED:-} ]] || timeout=5s # the import alone may take more than 500 ms
  serve --request-timeout="$timeout" forks:hangs_midway
  ends_connection 56 --http1.0 # ends with the connection
}
