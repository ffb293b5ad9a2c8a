#!/usr/bin/env bats
# ways: one
#
# An idle server exits, and systemd starts the next one with the next connection. 47-load.bats tests
# requests that arrive at that moment.

load server

@test "--idle-timeout: an idle server exits with 0 and leaves no process behind" {
  for where in server worker; do
    serve --idle-timeout=50ms --spare=3 --import="$where" holds:app
    hold
    # The server, the template, three spares and the worker: all must exit.
    eventually has_processes 6
    finishes "the beginning, the end"
    equal "$(exit_status)" 0
    equal "$(processes)" ""
  done
  equal "$(cat "$LOG")" ""
}

@test "--idle-timeout: a server that has received no request exits" {
  run -0 "$TESTS/hand-over" listen:"$BATS_TEST_TMPDIR/socket" -- \
    "$PROGRAM" --access-log=none --idle-timeout=1ms --python-path="$APPS" hello:app
  equal "$output" ""
  equal "$(processes)" ""
}

@test "--idle-timeout: a server whose client disconnects without a request exits" {
  for steps in "" end reset; do
    serve --idle-timeout=1ms hello:app
    # shellcheck disable=SC2086 # none, or one
    talk $steps
    equal "$(exit_status)" 0
    equal "$(processes)" ""
  done
  equal "$(cat "$LOG")" ""
}

@test "--idle-timeout: the next request starts another server" {
  serve --idle-timeout=1ms holds:app
  local first second
  read -r _ first < <(http /)
  equal "$(exit_status)" 0
  read -r _ second < <(http /)
  equal "$(exit_status)" 0
  [[ -n $second && $second != "$first" ]]
}

@test "--idle-timeout=0: the server never exits" {
  serve_on holds:app
  local first
  first=$(template)
  run_short_servers 10
  equal "$(cat "$STATUSES")" ""
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(http / | cut -d' ' -f2)" "$first"
}

@test "--idle-timeout: a server with a running request is not idle" {
  for where in server worker; do
    serve --idle-timeout=1ms --import="$where" holds:app
    hold
    find_server
    run_short_servers 10
    equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
    not_ended_before
    finishes "the beginning, the end"
    equal "$(exit_status)" 0
  done
}

# Checks that no server has exited except those that `exit_status` has reported.
not_ended_before() {
  touch "$BATS_TEST_TMPDIR/reported"
  equal "$(wc -l <"$STATUSES")" "$(wc -l <"$BATS_TEST_TMPDIR/reported")"
}

@test "--idle-timeout: a server with a slow client is not idle" {
  serve --idle-timeout=1ms --spare=1 --max-workers=1 hello:app
  mkfifo "$FIFOS/pause"
  talk send 'GET / HTTP/1.1\r\nHost: a\r\n' meet "$FIFOS/pause" send '\r\n' read \
    >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local talking=$!
  find_server
  run_short_servers 3
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  not_ended_before
  read_fifo "$FIFOS/pause"
  wait "$talking"
  equal "$(tail -n 1 "$BATS_TEST_TMPDIR/answer" | tr -d '\r')" "Hello."
  equal "$(exit_status)" 0
}

@test "a process that an app's hook forks with each worker does not delay the exit" {
  serve forks_with_workers:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  eventually none_is_left
}
