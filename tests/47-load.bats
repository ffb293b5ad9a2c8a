#!/usr/bin/env bats
# ways: floods
# lasts: 120 s
#
# No request is lost under load while servers exit and start, or apps are reloaded.

load server

# ---- the exit of idle servers -------------------------------------------------------------------

# idle_ends FAMILY ROUNDS AT-ONCE OPTION...: sends requests at the moment at which the server exits.
idle_ends() {
  FAMILY=$1 serve "${@:4}" holds:app
  run -0 "$TESTS/boundary" "$ADDRESS" "$2" "$3"
  [[ $output =~ ^"$(($2 * $3)) answered, "([0-9]+)" rounds by the same server, "([0-9]+)" by " ]]
  # The moment was found: often the server had exited, often it had not.
  ((BASH_REMATCH[1] > $2 / 10 && BASH_REMATCH[2] > $2 / 10))
  # All servers but the last, which may still be running, exited because they were idle.
  (($(grep -cx 0 "$STATUSES") >= BASH_REMATCH[2] - 1))
  equal "$(grep -vcx 0 "$STATUSES")" 0
  equal "$(cat "$LOG")" ""
}

@test "1,000 requests at the moment the idle server exits are answered" {
  idle_ends unix 1000 1 --idle-timeout=1ms
}

@test "1,050 requests, three at once, at the moment the idle server exits are answered" {
  idle_ends tcp 350 3 --idle-timeout=10ms --spare=1
}

@test "200 requests at the moment the idle server exits are answered with --import=worker" {
  idle_ends unix 100 2 --idle-timeout=10ms --import=worker
}

# ---- wrk ----------------------------------------------------------------------------------------

# start_load: starts eight clients that send one request after the other for WRK_SECONDS.
start_load() {
  command -v wrk >/dev/null || skip "wrk is not there"
  wrk --threads=2 --connections=8 --timeout=20s --duration="${WRK_SECONDS:-10}s" "$ORIGIN/" \
    >"$BATS_TEST_TMPDIR/wrk" 2>&1 3>&- &
  WRK=$!
}

load_is_running() {
  kill -0 "$WRK" 2>/dev/null
}

# All requests of the load, and more than a few, succeeded.
nothing_failed() {
  wait "$WRK"
  local summary
  summary=$(cat "$BATS_TEST_TMPDIR/wrk")
  echo "$summary"
  [[ $summary =~ ([0-9]+)" requests in " ]]
  ((BASH_REMATCH[1] > 200))
  [[ $summary != *"Socket errors"* && $summary != *"Non-2xx"* ]]
}

# another_serves SERVER: another server is running. The first request starts one if the load has
# ended; after the second is answered, the server found handles SIGTERM.
another_serves() {
  http / >/dev/null && find_server && [[ $SERVER != "$1" ]] && http / >/dev/null
}

# restart_under_load COMMAND: runs a command that stops the server SERVER, again and again.
restart_under_load() {
  local restarts=0 old
  start_load
  eventually another_serves none
  while load_is_running; do
    old=$SERVER
    "$1"
    eventually another_serves "$old"
    restarts=$((restarts + 1))
  done
  nothing_failed
  ((restarts >= 5))
  (($(grep -cx 0 "$STATUSES") >= restarts))
  equal "$(grep -vcx 0 "$STATUSES")" 0
}

stop_main_process() {
  kill "$SERVER"
}

# Signals each process once, as systemd does with KillMode=control-group. Some may have exited.
stop_all_processes() {
  local pid
  for pid in $(processes); do
    kill "$pid" 2>/dev/null || :
  done
}

@test "wrk reports a connection that ends without an answer" {
  FAMILY=tcp serve --idle-timeout=0 "$(broken_app)"
  WRK_SECONDS=1 start_load
  wait "$WRK"
  contains "$(cat "$BATS_TEST_TMPDIR/wrk")" "Socket errors"
}

broken_app() {
  cat >"$BATS_TEST_TMPDIR/broken.py" <<'END'
"""Ends its process instead of answering, once in a while."""

import os


def app(environ, start_response):
    if os.getpid() % 8 == 0:
        os._exit(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello.\n"]
END
  echo "$BATS_TEST_TMPDIR/broken.py"
}

@test "no request fails when the server is restarted under load" {
  FAMILY=tcp serve --idle-timeout=0 hello:app
  restart_under_load stop_main_process
  equal "$(cat "$LOG")" ""
}

@test "no request fails when SIGTERM to all processes restarts the server under load" {
  FAMILY=tcp serve --idle-timeout=0 hello:app
  restart_under_load stop_all_processes
}

# ---- reload -------------------------------------------------------------------------------------

write_app() {
  sed "s/Hello/$1/" "$APPS/hello.py" >"$BATS_TEST_TMPDIR/greeting.new"
  mv "$BATS_TEST_TMPDIR/greeting.new" "$BATS_TEST_TMPDIR/greeting.py"
}

greets() {
  [[ $(http /) == "$1." ]]
}

@test "no request fails during reloads under load" {
  local reloads=0
  write_app 0
  FAMILY=tcp serve_on "$BATS_TEST_TMPDIR/greeting.py"
  start_load
  while load_is_running; do
    reloads=$((reloads + 1))
    write_app "$reloads"
    kill -HUP "$SERVER"
    eventually greets "$reloads"
  done
  nothing_failed
  ((reloads >= 5))
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(cat "$STATUSES")" ""
  equal "$(sort "$LOG" | uniq | wc -l)" 1 # the line about the reload
}

@test "no request fails during failing reloads under load" {
  local failures=0
  write_app 0
  FAMILY=tcp serve_on "$BATS_TEST_TMPDIR/greeting.py"
  echo "def :" >"$BATS_TEST_TMPDIR/greeting.py"
  start_load
  while load_is_running; do
    failures=$((failures + 1))
    kill -HUP "$SERVER"
    eventually has_failed "$failures"
    greets 0
  done
  nothing_failed
  ((failures >= 5))
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
}

has_failed() {
  (($(grep -c "cannot reload" "$LOG") >= $1))
}

# ---- threads ------------------------------------------------------------------------------------

# The kernel may deliver SIGCHLD to any of them.
@test "threads left by the import do not hide the exit of workers from the server" {
  serve_on four_threads:app
  equal "$(http "/[1-2000]" | grep -cx "Hello.")" 2000
}
