#!/usr/bin/env bats
# ways: all

# A child that the app forks inherits the connection, and code of the server above it on the stack.

load helpers

@test "a child that ends with sys.exit() has its status, and the answer is the parent's" {
  serve forks:exits
  equal "$(http /)" parent
  logged "child ended with 3"
  equal "$(exit_status)" 0
  not_logged Traceback
}

@test "a child that raises ends with 1 and a traceback, and the answer is the parent's" {
  serve forks:fails
  equal "$(http /)" parent
  logged "child ended with 1"
  logged ZeroDivisionError
  equal "$(exit_status)" 0
}

@test "what a child writes does not get into the answer" {
  serve forks:writes
  equal "$(http /)" parent
  logged "child ended with 1"
  logged PermissionError
}

@test "what a child yields does not get into the answer, and it does not end it" {
  serve forks:yields
  equal "$(http /)" "before after"
  equal "$(exit_status)" 0
}

@test "a child cannot take the content from its parent" {
  serve forks:reads
  # The content comes behind the head, when the parent has forked.
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n' \
    send 'Expect: 100-continue\r\n\r\n' expect '100 Continue\r\n\r\n' send hello read
  contains "$output" "hello"
}

@test "a child forked in close() has its status" {
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

# ends_connection CURL-STATUS [CURL-ARGUMENT]...: the client sees the end, while children of the
# request stay.
ends_connection() {
  run "-$1" http / --max-time 10 "${@:2}"
  rm "$FIFOS/stay"
}

@test "a child that lives on does not keep the client of a worker that crashes" {
  serve forks:crashes
  ends_connection 52
}

@test "nor that of one that is ended by --request-timeout in the middle of its answer" {
  serve --request-timeout=500ms forks:hangs_midway
  ends_connection 56 --http1.0 # whose end the connection has to tell
}
