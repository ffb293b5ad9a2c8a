#!/usr/bin/env bats
# ways: all
#
# The end of the process: first the client has its answer, then what the app left is brought to an
# end like an interpreter does.

load helpers

REQUEST="GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# request PATH: the whole answer, read until the connection ends.
request() {
  # shellcheck disable=SC2059 # talk reads the escapes
  talk send "${REQUEST/\%s/$1}" read
}

setup_fifo() {
  export FIFO=$BATS_TEST_TMPDIR/fifo
  mkfifo "$FIFO"
}

# outlives WAY: the client has its answer and the end of the connection, while the app waits for the
# fifo still; what it prints then, without a newline, is in the log when the process has ended.
outlives() {
  setup_fifo
  serve lingers:app
  run -0 request "?$1"
  contains "$output" "answered"
  equal "$(cat "$STATUSES")" ""
  not_logged "done"
  echo "written later" >"$FIFO"
  equal "$(exit_status)" 0
  grep "^$1 done: written later" "$LOG"
}

@test "the client does not wait for threads, the process does" {
  outlives thread
}

@test "the client does not wait for the threads of concurrent.futures, the process does" {
  outlives executor
}

@test "the client does not wait for atexit functions, the process does" {
  outlives atexit
}

@test "close(), threads and atexit functions come in this order" {
  serve order_of_end:app
  run -0 request ""
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" "0 called
1 close
2 thread
3 last registered
4 first registered"
}

@test "what was printed without a newline and never flushed is not lost" {
  serve no_newline:app
  run -0 request ""
  equal "$(exit_status)" 0
  grep -q "printed and left" "$LOG"
  grep -q ", and bytes" "$LOG"
}

@test "daemon threads do not hold it up" {
  serve daemon_thread:app
  run -0 request ""
  contains "$output" "answered"
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}

@test "what fails behind the answer is logged, the rest goes on, and the request was served" {
  serve atexit_raises:app
  for way in raise thread; do
    : >"$LOG"
    run -0 request "?$way"
    contains "$output" "HTTP/1.1 200 OK"
    equal "$(exit_status)" 0
    logged "LookupError: too late"
    logged "the others are still called"
  done
  run -0 request "?exit"
  equal "$(exit_status)" 0
}

@test "a client that leaves in the middle of the answer is no failure" {
  serve endless:app
  talk send "GET / HTTP/1.1\r\nHost: a\r\n\r\n" expect "200 OK" reset
  equal "$(exit_status)" 0
  talk send "GET / HTTP/1.1\r\nHost: a\r\n\r\n" expect "200 OK" >"$BATS_TEST_TMPDIR/begin"
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" "closed
closed"
}

@test "the app's children do not inherit the connection" {
  serve descriptors:app
  run -0 http /
  # The control: the app has the connection. In the child there is none, on any number.
  [[ $output =~ app\ [0-9]+\ socket: ]]
  [[ $output == *"child 0 "* && $output == *"child 2 "* ]]
  [[ ! $output =~ child\ [0-9]+\ socket: ]]
}

@test "no descriptor but the connection and the standard streams is left open for the app" {
  serve descriptors:app
  run -0 http /
  equal "$(grep -c '^app [0-9]* socket:' <<<"$output")" 1
  equal "$(grep -cvE '^app ([012] |[0-9]+ socket:|[0-9]+ pipe:)|^child' <<<"$output")" 0
}
