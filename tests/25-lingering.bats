#!/usr/bin/env bats
# ways: all
#
# Closing a connection with unread bytes resets it, and a client that is still sending can lose the
# answer. The uploads here are larger than the socket buffers.

load helpers

UPLOAD='POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n'

@test "an upload refused for its length gets the whole answer" {
  serve --max-content=1M hello:app
  run -0 talk send "$UPLOAD" send-zeros 20000000 read
  contains "$output" "HTTP/1.1 413 "
  equal "$(exit_status)" 0
}

@test "an upload refused for its chunks gets the whole answer" {
  serve --max-content=1M echoes:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1312d00\r\n' \
    send-zeros 20000000 send '\r\n0\r\n\r\n' read
  contains "$output" "HTTP/1.1 413 "
  equal "$(exit_status)" 0
}

@test "an upload that the app does not read gets the whole answer" {
  serve hello:app
  run -0 talk send "$UPLOAD" send-zeros 20000000 read
  contains "$output" "HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "Hello."
  equal "$(exit_status)" 0
}

@test "an HTTP/1.0 upload that the app does not read gets the whole answer" {
  serve hello:app
  run -0 talk send 'POST / HTTP/1.0\r\nContent-Length: 20000000\r\n\r\n' send-zeros 20000000 read
  equal "${output##*$'\r\n'}" "Hello."
  equal "$(exit_status)" 0
}

@test "content that arrives after the answer is drained" {
  serve hello:app
  run -0 talk send "$UPLOAD" expect 'Hello.\n' send-zeros 20000000 read
  equal "${output##*$'\r\n'}" "Hello."
  equal "$(exit_status)" 0
}

@test "unexpected extra bytes do no harm" {
  serve hello:app
  run -0 talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' send-zeros 20000000 read
  equal "${output##*$'\r\n'}" "Hello."
}

@test "--linger-timeout ends the wait for a client that does not close" {
  mkfifo "$FIFOS/ended"
  serve --linger-timeout=200ms hello:app
  talk send "$UPLOAD" expect 'Hello.\n' meet "$FIFOS/ended" >/dev/null 3>&- &
  equal "$(exit_status)" 0
  read_fifo "$FIFOS/ended" # the client was connected until now
  wait $!
}
