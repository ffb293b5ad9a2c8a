#!/usr/bin/env bats
# ways: both

load helpers

# closed_once: the process has exited with success, and close() was called once.
closed_once() {
  equal "$(exit_status)" 0 && equal "$(grep -c "close() number" "$LOG")" 1
}

@test "close() is called once after the answer" {
  serve closes:success
  equal "$(http /)" "the answer"
  closed_once
}

@test "close() is called once after an empty answer" {
  serve closes:nothing
  equal "$(http /)" ""
  closed_once
}

@test "close() is called once if there is no content to send" {
  serve closes:success
  equal "$(http / --head --write-out '%{http_code}' --output /dev/null)" 200
  closed_once
  : >"$LOG"
  serve closes:no_content
  equal "$(status /)" 204
  closed_once
}

@test "close() is called once if the iteration raises at once" {
  serve closes:breaks_at_once
  equal "$(status /)" 500
  closed_once
  logged "RuntimeError: the app broke"
}

@test "close() is called once if the iteration raises midway" {
  serve closes:breaks_midway
  run -18 http /
  closed_once
  logged "RuntimeError: the app broke"
}

@test "close() is called once if the app violates the protocol" {
  local app
  for app in gives_text no_start no_iterable too_short; do
    : >"$LOG"
    serve "closes:$app"
    run http /
    [[ $output != *"the end"* && $output != *"the answer"* ]]
    closed_once
  done
}

@test "close() is called once if the iteration raises SystemExit" {
  serve closes:exits
  equal "$(status /)" 500
  closed_once
}

@test "close() is called once if the client disconnects midway" {
  serve endless:app
  talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect "200 OK" reset >"$BATS_TEST_TMPDIR/answer"
  equal "$(exit_status)" 0
  equal "$(grep -c "^closed" "$LOG")" 1
  not_logged Traceback
}

@test "a generator is closed if the client disconnects midway" {
  serve closes:generator
  talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect "200 OK" reset >"$BATS_TEST_TMPDIR/answer"
  equal "$(exit_status)" 0
  equal "$(grep -c "the generator was closed" "$LOG")" 1
  not_logged Traceback
}

@test "an exception in close() is logged, and the answer is complete" {
  serve closes:close_fails
  equal "$(http / --write-out ' %{http_code}')" "the answer 200"
  closed_once
  logged "GET /"
  logged "RuntimeError: close() broke"
}

@test "SystemExit in close() is logged, and the answer is complete" {
  serve closes:close_exits
  equal "$(http / --write-out ' %{http_code}')" "the answer 200"
  closed_once
  logged "SystemExit"
}

@test "an exception in close() does not hide an earlier one" {
  serve closes:all_fails
  equal "$(status /)" 500
  closed_once
  logged "RuntimeError: the app broke"
  logged "RuntimeError: close() broke"
}

@test "the client has the complete answer before close() runs" {
  mkfifo "$FIFOS/read"
  local app
  for app in close_waits close_waits_unknown_length; do
    : >"$LOG"
    serve "closes:$app"
    # Reads to the end of the connection, and only then lets close() continue.
    run -0 talk send 'GET / HTTP/1.0\r\n\r\n' read meet "$FIFOS/read"
    [[ $output == *$'\r\n\r\nthe answer' ]]
    closed_once
  done
}

@test "a client that knows the length has the complete answer before close() runs" {
  mkfifo "$FIFOS/read"
  serve closes:close_waits
  equal "$(http /)" "the answer"
  not_logged "close() number"
  timeout "$PATIENCE" dd if=/dev/null of="$FIFOS/read" status=none
  closed_once
}
