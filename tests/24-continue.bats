#!/usr/bin/env bats
# ways: both
#
# RFC 9110 §10.1.1. In the tests that expect no 100, the client half-closes instead of sending
# content: the app's read fails, and a 100 would have to come before that.

load helpers

CONTINUE=$'HTTP/1.1 100 Continue\r\n\r\n'
POST='POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'

@test "100 (Continue) is sent once, when the app first reads" {
  mkfifo "$FIFOS/called" "$FIFOS/reading"
  serve reads_slowly:app
  run -0 talk send "$POST" meet "$FIFOS/called" nothing meet "$FIFOS/reading" \
    expect 'HTTP/1.1 100 Continue\r\n\r\n' nothing send he send llo read
  contains "$output" "${CONTINUE}HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "hello"
  equal "$(grep -c '^HTTP/1.1 100' <<<"$output")" 1
}

@test "100 (Continue) is sent for chunked content as well" {
  serve echoes:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n' \
    send 'Expect: 100-Continue\r\n\r\n' expect '100 Continue\r\n\r\n' \
    send '5\r\nhello\r\n0\r\n\r\n' read
  contains "$output" "${CONTINUE}HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "hello"
}

@test "an upload by curl succeeds" {
  serve echoes:app
  equal "$(http / --header 'Expect: 100-continue' --expect100-timeout "$PATIENCE" \
    --data hello)" "hello"
}

@test "100 (Continue) is sent even if the client then closes the connection" {
  serve catches:app
  run -0 talk send "$POST" end read
  contains "$output" "${CONTINUE}HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "100 (Continue) is not sent to a client that does not expect it" {
  serve catches:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n' end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "100 (Continue) is not sent if the app does not read" {
  serve hello:app
  run -0 talk send "$POST" read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "Hello."
}

@test "100 (Continue) is not sent to HTTP/1.0" {
  serve catches:app
  run -0 talk send 'POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n' end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "100 (Continue) is not sent if content has already arrived" {
  serve catches:app
  # First all of it, then a part of it.
  run -0 talk send "${POST}hello" read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "nothing raised"
  run -0 talk send "${POST}hell" end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "100 (Continue) is not sent if there is no content" {
  serve catches:app
  run -0 talk send 'GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n' read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
}

@test "100 (Continue) is not sent after the answer has begun" {
  serve reads_late:app
  run -0 talk send "$POST" end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" $'first\r\n'
  contains "$output" $'ConnectionResetError\r\n'
  [[ $output != *"100 Continue"* ]]
}

@test "an unknown expectation is answered 417" {
  serve traces:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: more\r\n\r\n' read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 417 Expectation Failed"
  equal "$(exit_status)" 0
  not_logged "reached:"
}

@test "content that is too large is refused without 100 (Continue)" {
  serve --max-content=4 traces:app
  run -0 talk send "$POST" read
  contains "${output%%$'\r\n'*}" "HTTP/1.1 413 "
  equal "$(exit_status)" 0
  not_logged "reached:"
}
