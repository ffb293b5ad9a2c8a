#!/usr/bin/env bats
# ways: one
#
# A server that nobody asks anything ends, and systemd starts the next one when somebody does. What
# happens to requests that come at that very moment is seen in 47-load.bats.

load server

@test "--idle-timeout: without requests for so long it exits with 0, and no process is left" {
  for where in server worker; do
    serve --idle-timeout=50ms --spare=3 --import="$where" holds:app
    hold
    # The server, the template, three spares and the worker: what has to be gone later.
    eventually has_processes 6
    finishes "the beginning, the end"
    equal "$(exit_status)" 0
    equal "$(processes)" ""
  done
  equal "$(cat "$LOG")" ""
}

@test "--idle-timeout: so does one to which nobody has said anything" {
  run -0 "$TESTS/hand-over" listen:"$BATS_TEST_TMPDIR/socket" -- \
    "$PROGRAM" --access-log=none --idle-timeout=1ms --python-path="$APPS" hello:app
  equal "$output" ""
  equal "$(processes)" ""
}

@test "--idle-timeout: so does one whose client has left without a word" {
  for steps in "" end reset; do
    serve --idle-timeout=1ms hello:app
    # shellcheck disable=SC2086 # none, or one
    talk $steps
    equal "$(exit_status)" 0
    equal "$(processes)" ""
  done
  equal "$(cat "$LOG")" ""
}

@test "--idle-timeout: the next request starts the next server" {
  serve --idle-timeout=1ms holds:app
  local first second
  read -r _ first < <(http /)
  equal "$(exit_status)" 0
  read -r _ second < <(http /)
  equal "$(exit_status)" 0
  [[ -n $second && $second != "$first" ]]
}

@test "--idle-timeout=0: it never ends" {
  serve_on holds:app
  local first
  first=$(template)
  come_and_go 10
  equal "$(cat "$STATUSES")" ""
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(http / | cut -d' ' -f2)" "$first"
}

@test "--idle-timeout: a server with a running request is not idle" {
  for where in server worker; do
    serve --idle-timeout=1ms --import="$where" holds:app
    hold
    find_server
    come_and_go 10
    equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
    not_ended_before
    finishes "the beginning, the end"
    equal "$(exit_status)" 0
  done
}

# No server has ended but those that were asked about.
not_ended_before() {
  touch "$BATS_TEST_TMPDIR/asked"
  equal "$(wc -l <"$STATUSES")" "$(wc -l <"$BATS_TEST_TMPDIR/asked")"
}

@test "--idle-timeout: nor is one whose client takes its time" {
  serve --idle-timeout=1ms --spare=1 --max-workers=1 hello:app
  mkfifo "$FIFOS/pause"
  talk send 'GET / HTTP/1.1\r\nHost: a\r\n' meet "$FIFOS/pause" send '\r\n' read \
    >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local talking=$!
  find_server
  come_and_go 3
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  not_ended_before
  read_fifo "$FIFOS/pause"
  wait "$talking"
  equal "$(tail -n 1 "$BATS_TEST_TMPDIR/answer" | tr -d '\r')" "Hello."
  equal "$(exit_status)" 0
}

@test "a process that the app's hooks fork with each worker does not hold up the end" {
  serve forks_with_workers:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  eventually none_is_left
}
