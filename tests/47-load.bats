#!/usr/bin/env bats
# ways: floods
# lasts: 120 s
#
# Nothing is lost while servers end and begin, or apps take over from each other, under load.

load server

# ---- the end of idle servers --------------------------------------------------------------------

# idle_ends FAMILY ROUNDS AT-ONCE OPTION...: requests at the moment at which the server ends.
idle_ends() {
  FAMILY=$1 serve "${@:4}" holds:app
  run -0 "$TESTS/boundary" "$ADDRESS" "$2" "$3"
  [[ $output =~ ^"$(($2 * $3)) answered, "([0-9]+)" rounds by the same server, "([0-9]+)" by " ]]
  # It was that moment: often the server had ended, often it had not.
  ((BASH_REMATCH[1] > $2 / 10 && BASH_REMATCH[2] > $2 / 10))
  # And all servers but the last, which may not have ended yet, ended because they were idle.
  (($(grep -cx 0 "$STATUSES") >= BASH_REMATCH[2] - 1))
  equal "$(grep -vcx 0 "$STATUSES")" 0
  equal "$(cat "$LOG")" ""
}

@test "1,000 requests that come when the idle server ends are answered" {
  idle_ends unix 1000 1 --idle-timeout=1ms
}

@test "1,050 requests that come three at once when the idle server ends are answered" {
  idle_ends tcp 350 3 --idle-timeout=10ms --spare=1
}

@test "200 requests that come when the idle server ends are answered by workers that import" {
  idle_ends unix 100 2 --idle-timeout=10ms --import=worker
}

# ---- wrk ----------------------------------------------------------------------------------------

# load_begins: eight clients, each of which makes one request after the other, for the time of
# WRK_SECONDS.
load_begins() {
  command -v wrk >/dev/null || skip "wrk is not there"
  wrk --threads=2 --connections=8 --timeout=20s --duration="${WRK_SECONDS:-10}s" "$ORIGIN/" \
    >"$BATS_TEST_TMPDIR/wrk" 2>&1 3>&- &
  WRK=$!
}

load_goes_on() {
  kill -0 "$WRK" 2>/dev/null
}

# All requests of the load, which were more than a few, were answered, and well.
nothing_failed() {
  wait "$WRK"
  local summary
  summary=$(cat "$BATS_TEST_TMPDIR/wrk")
  echo "$summary"
  [[ $summary =~ ([0-9]+)" requests in " ]]
  ((BASH_REMATCH[1] > 200))
  [[ $summary != *"Socket errors"* && $summary != *"Non-2xx"* ]]
}

# another_serves SERVER: it is not that one. The first request starts one, in case that the load has
# ended; what answers the second is what was found, which has come so far that SIGTERM stops it.
another_serves() {
  http / >/dev/null && find_server && [[ $SERVER != "$1" ]] && http / >/dev/null
}

# restart_under_load COMMAND: which stops the server SERVER.
restart_under_load() {
  local restarts=0 old
  load_begins
  eventually another_serves none
  while load_goes_on; do
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

# Each once, as systemd does with KillMode=control-group. Some may have ended in between.
stop_all_processes() {
  local pid
  for pid in $(processes); do
    kill "$pid" 2>/dev/null || :
  done
}

@test "wrk notices when a connection ends without an answer" {
  FAMILY=tcp serve --idle-timeout=0 "$(broken_app)"
  WRK_SECONDS=1 load_begins
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

@test "restarts under load: no request fails" {
  FAMILY=tcp serve --idle-timeout=0 hello:app
  restart_under_load stop_main_process
  equal "$(cat "$LOG")" ""
}

@test "restarts under load, when SIGTERM comes to all processes: no request fails" {
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

@test "reloads under load: no request fails" {
  local reloads=0
  write_app 0
  FAMILY=tcp serve_on "$BATS_TEST_TMPDIR/greeting.py"
  load_begins
  while load_goes_on; do
    reloads=$((reloads + 1))
    write_app "$reloads"
    kill -HUP "$SERVER"
    eventually greets "$reloads"
  done
  nothing_failed
  ((reloads >= 5))
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(cat "$STATUSES")" ""
  equal "$(sort "$LOG" | uniq | wc -l)" 1 # that it was reloaded
}

@test "reloads that fail, under load: no request fails" {
  local failures=0
  write_app 0
  FAMILY=tcp serve_on "$BATS_TEST_TMPDIR/greeting.py"
  echo "def :" >"$BATS_TEST_TMPDIR/greeting.py"
  load_begins
  while load_goes_on; do
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

# The kernel may tell any of them that a worker has ended.
@test "threads that the import left do not keep the server from seeing that its workers end" {
  serve_on four_threads:app
  equal "$(http "/[1-2000]" | grep -cx "Hello.")" 2000
}
