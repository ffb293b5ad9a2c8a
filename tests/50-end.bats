#!/usr/bin/env bats
# ways: all
#
# The end of the process: the client gets its answer first. Then the process ends as an
# interpreter does: it waits for threads, runs atexit functions and flushes its streams.

load helpers

REQUEST="GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# request PATH: prints the whole answer, read until the connection ends.
request() {
  # shellcheck disable=SC2059 # talk reads the escapes
  talk send "${REQUEST/\%s/$1}" read
}

setup_fifo() {
  export FIFO=$BATS_TEST_TMPDIR/fifo
  mkfifo "$FIFO"
}

# outlives WAY: the client has its answer and the end of the connection while the app still waits
# for the fifo. What the app then prints, without a newline, is in the log when the process ends.
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

@test "the process waits for threads, the client does not" {
  outlives thread
}

@test "the process waits for the threads of concurrent.futures, the client does not" {
  outlives executor
}

@test "the process waits for atexit functions, the client does not" {
  outlives atexit
}

@test "close() is called first, then threads are joined, then atexit functions run" {
  serve order_of_end:app
  run -0 request ""
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" "0 called
1 close
2 thread
3 last registered
4 first registered"
}

@test "output without a newline is flushed at exit" {
  serve no_newline:app
  run -0 request ""
  equal "$(exit_status)" 0
  grep -q "printed and left" "$LOG"
  grep -q ", and bytes" "$LOG"
}

@test "the process does not wait for daemon threads" {
  serve daemon_thread:app
  run -0 request ""
  contains "$output" "answered"
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}

@test "an exception after the answer is logged, the other functions run, and the exit status is 0" {
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

@test "a client that disconnects during the answer is not an error" {
  serve endless:app
  talk send "GET / HTTP/1.1\r\nHost: a\r\n\r\n" expect "200 OK" reset
  equal "$(exit_status)" 0
  talk send "GET / HTTP/1.1\r\nHost: a\r\n\r\n" expect "200 OK" >"$BATS_TEST_TMPDIR/begin"
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" "closed
closed"
}

@test "child processes of the app do not inherit the connection" {
  serve descriptors:app
  run -0 http /
  # The control: the app has the connection. Its child has it under no descriptor.
  [[ $output =~ app\ [0-9]+\ socket: ]]
  [[ $output == *"child 0 "* && $output == *"child 2 "* ]]
  [[ ! $output =~ child\ [0-9]+\ socket: ]]
}

@test "the app inherits only the connection and the standard streams" {
  serve descriptors:app
  run -0 http /
  equal "$(grep -c '^app [0-9]* socket:' <<<"$output")" 1
  equal "$(grep -cvE '^app ([012] |[0-9]+ socket:|[0-9]+ pipe:)|^child' <<<"$output")" 0
}
