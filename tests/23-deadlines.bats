#!/usr/bin/env bats
# ways: one
#
# No test here measures time: each waits for an event that occurs only because of the timeout. The
# other timeouts are disabled, so that the tested one is the cause.

load helpers

NEVER=(--head-timeout=0 --read-timeout=0 --write-timeout=0 --request-timeout=0)
GET='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
OLD_GET='GET / HTTP/1.0\r\n\r\n'

# hang APPLICATION STEP...: gives the app time to start hanging.
hang() {
  serve "${NEVER[@]}" --request-timeout=1s "$1"
  shift
  run talk "$@"
  equal "$(exit_status)" 75
}

@test "--head-timeout: a late head is answered 408" {
  for FAMILY in unix tcp; do
    serve "${NEVER[@]}" --head-timeout=200ms hello:app
    for part in G 'GET / HTTP/1.1\r\nHost: a\r\n' '\r\n'; do
      run -0 talk send "$part" read
      contains "$output" "HTTP/1.1 408 "
      equal "$(exit_status)" 0
    done
  done
  logged "answered 408"
}

@test "--head-timeout: a silent client gets no answer" {
  for FAMILY in unix tcp; do
    serve "${NEVER[@]}" --head-timeout=200ms hello:app
    run -0 talk read
    equal "$output" ""
    equal "$(exit_status)" 0
    equal "$(cat "$LOG")" ""
  done
}

@test "--head-timeout does not apply to the content" {
  serve "${NEVER[@]}" --head-timeout=200ms --read-timeout=400ms catches:app
  # The read ends with its own, longer timeout.
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n' read
  contains "$output" "TimeoutError"
}

@test "--read-timeout: late content is answered 408" {
  serve "${NEVER[@]}" --read-timeout=200ms traces:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell' read
  contains "$output" "HTTP/1.1 408 "
  equal "$(exit_status)" 0
  logged "reached:"
  logged "in time"
  not_logged "content:"
}

@test "--read-timeout applies to chunked content" {
  serve "${NEVER[@]}" --read-timeout=200ms echoes:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' \
    send '5\r\nhello\r\n' read
  contains "$output" "HTTP/1.1 408 "
}

@test "--read-timeout: the app gets TimeoutError and can still answer" {
  serve "${NEVER[@]}" --read-timeout=200ms catches:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell' read
  contains "$output" "HTTP/1.1 200 "
  contains "$output" "TimeoutError"
  equal "$(exit_status)" 0
}

@test "--write-timeout: an answer that the client does not read is abandoned" {
  mkfifo "$FIFOS/closed"
  for FAMILY in unix tcp; do
    serve "${NEVER[@]}" --write-timeout=200ms large:app
    local ending=0
    talk send "$GET" expect 'Content-Length: 67108864\r\n' meet "$FIFOS/closed" read \
      >"$BATS_TEST_TMPDIR/answer" || ending=$?
    # On a unix socket, only the missing bytes show it.
    equal "$FAMILY $ending" "$([[ $FAMILY == tcp ]] && echo tcp 3 || echo unix 0)"
    (($(wc -c <"$BATS_TEST_TMPDIR/answer") < 67108864))
    equal "$(exit_status)" 0
    logged "GET /: cannot send the answer"
    : >"$LOG"
  done
}

@test "--request-timeout: a looping app is killed and the client gets 504" {
  hang hangs:in_loop send "$GET" read
  contains "$output" "HTTP/1.1 504 "
  logged "GET /: "
  logged "--request-timeout"
  logged "in in_loop"
}

@test "--request-timeout: an app that waits in C is killed and the client gets 504" {
  for FAMILY in unix tcp; do
    hang hangs:in_sleep send "$GET" read
    equal "$status" 0
    contains "$output" "HTTP/1.1 504 "
    logged "in in_sleep"
    : >"$LOG"
  done
}

@test "--request-timeout: an app that holds the GIL in C is killed and the client gets 504" {
  hang hangs:holding_the_gil send "$GET" read
  contains "$output" "HTTP/1.1 504 "
  logged "in holding_the_gil"
}

@test "--request-timeout: the log shows the traceback of every thread" {
  hang hangs:with_thread send "$GET" read
  contains "$output" "HTTP/1.1 504 "
  logged "in with_thread"
  logged "in in_background"
}

@test "--request-timeout: HEAD is answered 504 without content" {
  hang hangs:in_sleep send 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n' read
  contains "$output" "HTTP/1.1 504 "
  equal "${output#*$'\r\n\r'}" ""
}

@test "--request-timeout: an answer that has begun is cut off" {
  for FAMILY in unix tcp; do
    hang hangs:after_head send "$GET" read
    equal "${output##*$'\r\n\r\n'}" $'d\r\nthe beginning\r'
    [[ $output != *504* ]]
    logged "in after_head"
    : >"$LOG"
  done
}

@test "--request-timeout: an HTTP/1.0 answer that has begun is cut off with a reset" {
  for FAMILY in unix tcp; do
    hang hangs:after_head send "$OLD_GET" read
    equal "$status" 3
    equal "${output##*$'\r\n\r\n'}" "the beginning"
  done
}

@test "--request-timeout covers the import of the app" {
  hang hangs_at_import:app send "$GET" read
  contains "$output" "HTTP/1.1 504 "
  logged "in wait"
}

@test "--request-timeout covers the wait for content" {
  hang echoes:app send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell' read
  contains "$output" "HTTP/1.1 504 "
  logged "in app"
}

@test "--request-timeout: a close() that hangs does not affect a complete answer" {
  for FAMILY in unix tcp; do
    for request in "$GET" "$OLD_GET"; do
      hang hangs:in_close send "$request" read
      equal "$status" 0
      equal "${output##*$'\r\n'}" "answered"
    done
  done
  logged "in close"
}

@test "--request-timeout: a thread that keeps running after the answer is killed" {
  hang hangs:after_answer send "$GET" read
  equal "$status" 0
  equal "${output##*$'\r\n'}" "answered"
  logged "--request-timeout"
  logged "in in_background"
}

@test "--request-timeout: an exit handler that hangs is killed" {
  hang hangs:at_exit send "$GET" read
  equal "$status" 0
  equal "${output##*$'\r\n'}" "answered"
  logged "--request-timeout"
}

@test "--request-timeout: an incomplete head is answered 408" {
  serve "${NEVER[@]}" --request-timeout=200ms hello:app
  run -0 talk send 'GET / HTTP/1.1\r\n' read
  contains "$output" "HTTP/1.1 408 "
}

@test "--request-timeout: a silent client gets no answer and causes no failure" {
  serve "${NEVER[@]}" --request-timeout=200ms hello:app
  run -0 talk read
  equal "$output" ""
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}

@test "--request-timeout: a client with unsent content causes no failure of the app" {
  local family
  for family in unix tcp; do
    FAMILY=$family serve --request-timeout=1s hello:app
    mkfifo "$FIFOS/$family"
    talk send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n' \
      expect "Hello." meet "$FIFOS/$family" >"$FIFOS/answer" &
    equal "$(exit_status)" 0
    read_fifo "$FIFOS/$family"
    wait $!
    not_logged "--request-timeout"
  done
}
