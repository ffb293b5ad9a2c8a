#!/usr/bin/env bats
# ways: both
#
# RFC 9110 section 10.1.1. The tests that expect no 100 have the client end its side instead of
# sending content: the app's read then fails, and a 100 would have to precede that.

load helpers

CONTINUE=$'HTTP/1.1 100 Continue\r\n\r\n'
POST='POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'

@test "100 Continue is sent when the app first reads, and once" {
  mkfifo "$FIFOS/called" "$FIFOS/reading"
  serve reads_slowly:app
  run -0 talk send "$POST" meet "$FIFOS/called" nothing meet "$FIFOS/reading" \
    expect 'HTTP/1.1 100 Continue\r\n\r\n' nothing send he send llo read
  contains "$output" "${CONTINUE}HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "hello"
  equal "$(grep -c '^HTTP/1.1 100' <<<"$output")" 1
}

@test "chunked content is waited for like any other" {
  serve echoes:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n' \
    expect '100 Continue\r\n\r\n' send '5\r\nhello\r\n0\r\n\r\n' read
  contains "$output" "${CONTINUE}HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "hello"
}

@test "curl gets its upload through" {
  serve echoes:app
  equal "$(http / --header 'Expect: 100-continue' --expect100-timeout 20 --data hello)" "hello"
}

@test "it is sent although the client then leaves" {
  serve catches:app
  run -0 talk send "$POST" end read
  contains "$output" "${CONTINUE}HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "it is not sent to who does not wait for it" {
  serve catches:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n' end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "it is not sent when the app does not read" {
  serve hello:app
  run -0 talk send "$POST" read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "Hello."
}

@test "it is not sent to HTTP/1.0" {
  serve catches:app
  run -0 talk send 'POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n' end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "it is not sent when content came along" {
  serve catches:app
  # All of it, and a part of it.
  run -0 talk send "${POST}hello" read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "nothing raised"
  run -0 talk send "${POST}hell" end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" "ConnectionResetError"
}

@test "it is not sent when there is no content" {
  serve catches:app
  run -0 talk send 'GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n' read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
}

@test "it is not sent after the answer has begun" {
  serve reads_late:app
  run -0 talk send "$POST" end read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  contains "$output" $'first\r\n'
  contains "$output" $'ConnectionResetError\r\n'
  [[ $output != *"100 Continue"* ]]
}

@test "another expectation is answered 417" {
  serve traces:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: more\r\n\r\n' read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 417 Expectation Failed"
  equal "$(exit_status)" 0
  not_logged "reached:"
}

@test "content that is too large is refused without a 100" {
  serve --max-content=4 traces:app
  run -0 talk send "$POST" read
  contains "${output%%$'\r\n'*}" "HTTP/1.1 413 "
  equal "$(exit_status)" 0
  not_logged "reached:"
}
