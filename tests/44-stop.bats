#!/usr/bin/env bats
# ways: one
#
# Stopping the server. Running requests finish, and new connections wait for the next server.
# 47-load.bats tests this under load.

load server

# ends_with STATUS: the server exits with the status, and no process is left.
ends_with() {
  equal "$(exit_status)" "$1"
  equal "$(processes)" ""
}

# stop_server SIGNAL: stops the server and waits until only it and the held request are left, so
# that no process accepts connections.
stop_server() {
  kill -s "$1" "$SERVER"
  eventually are_left "$SERVER" "$WORKER"
}

@test "SIGTERM and SIGINT stop an idle server: it exits with 0 and leaves no process behind" {
  for signal in TERM INT; do
    for where in server worker; do
      serve_on --import="$where" --spare=3 holds:app
      eventually has_processes 5
      kill -s "$signal" "$SERVER"
      ends_with 0
    done
  done
  equal "$(cat "$LOG")" ""
}

@test "running requests finish, and new connections get the next server" {
  for signal in TERM INT; do
    for where in server worker; do
      serve_on --import="$where" holds:app
      local old new
      old=$(template)
      hold
      stop_server "$signal"
      http / >"$BATS_TEST_TMPDIR/next" 3>&- &
      local next=$!
      finishes "the beginning, the end"
      equal "$(exit_status)" 0
      wait "$next"
      new=$(cut -d' ' -f2 "$BATS_TEST_TMPDIR/next")
      [[ $new =~ ^[0-9]+$ && $new != "$old" ]]
      kill -s "$signal" "$(pgrep -P "$ACTIVATOR")"
      ends_with 0
    done
  done
  equal "$(cat "$LOG")" ""
}

@test "content still being sent when the server is stopped reaches the app" {
  serve_on --spare=1 catches:app
  mkfifo "$FIFOS/pause"
  talk send 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n' \
    expect '100 Continue\r\n\r\n' meet "$FIFOS/pause" send hello read \
    >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local talking=$!
  read_fifo "$FIFOS/pause" # the app is reading
  kill "$SERVER"
  wait "$talking"
  ends_with 0
  contains "$(cat "$BATS_TEST_TMPDIR/answer")" "nothing raised"
}

@test "--stop-timeout: a request that takes longer is logged and killed with its process group" {
  for where in server worker; do
    serve_on --import="$where" --stop-timeout=200ms holds:app
    hold '?child'
    eventually [ -s "$BATS_TEST_TMPDIR/held" ]
    kill "$SERVER"
    equal "$(exit_status)" 0
    eventually is_gone "$CHILD"
    equal "$(processes)" ""
    wait "$HOLDING" || : # the answer is cut off
    equal "$(cat "$BATS_TEST_TMPDIR/held")" "the beginning, "
    run -0 grep -F "GET /hold?child" "$LOG"
    contains "$output" "$WORKER"
  done
}

@test "--stop-timeout: a request that finishes in time is not killed" {
  serve_on --stop-timeout=5min holds:app
  hold
  stop_server TERM
  run_short_servers 3
  finishes "the beginning, the end"
  ends_with 0
  equal "$(cat "$LOG")" ""
}

@test "--stop-timeout=0: a request may take any time" {
  serve_on --stop-timeout=0 holds:app
  hold
  stop_server TERM
  run_short_servers 5
  are_left "$SERVER" "$WORKER"
  finishes "the beginning, the end"
  ends_with 0
}

@test "a second SIGTERM kills at once" {
  serve_on --stop-timeout=5min holds:app
  hold '?child'
  stop_server TERM
  kill "$SERVER"
  ends_with 0
  eventually is_gone "$CHILD"
  run -0 grep -F "GET /hold?child" "$LOG"
  contains "$output" "$WORKER"
}

@test "a server waits for processes left by a request; a second SIGTERM kills them at once" {
  local signals child
  for signals in 1 2; do
    mkfifo "$FIFOS/release"
    serve --idle-timeout=0 --leftover-timeout=0 misbehaves:app
    equal "$(http /leaves_stubborn_child)" left
    child=$(pid_of child)
    find_server
    kill "$SERVER"
    eventually are_left "$SERVER"
    run_short_servers 1
    are_left "$SERVER"
    run -1 is_gone "$child"
    if ((signals == 1)); then
      write_fifo "$FIFOS/release"
    else
      kill "$SERVER"
    fi
    ends_with 0
    eventually is_gone "$child"
    rm "$FIFOS/release"
  done
  not_logged "left running"
}

@test "a second SIGTERM kills at once with --stop-timeout=0" {
  serve_on --stop-timeout=0 holds:app
  hold
  stop_server TERM
  kill "$SERVER"
  ends_with 0
}

# stop_stopped_template WHERE STOP-TIMEOUT: tells the server to stop while its template, the parent
# of the running request, is stopped and does not exit.
stop_stopped_template() {
  serve_on --import="$1" --stop-timeout="$2" holds:app
  hold '?child'
  kill -STOP "$(template)"
  kill "$SERVER"
}

has_taken_signals() {
  grep -qx $'ShdPnd:\t0*' "/proc/$SERVER/status"
}

@test "a second SIGTERM kills workers that still belong to the template" {
  for where in server worker; do
    stop_stopped_template "$where" 5min
    eventually has_taken_signals
    kill "$SERVER"
    ends_with 0
    eventually is_gone "$CHILD"
    equal "$(grep -cF "GET /hold?child: worker $WORKER was killed" "$LOG")" 1
  done
}

@test "--stop-timeout kills workers that still belong to the template" {
  for where in server worker; do
    stop_stopped_template "$where" 100ms
    ends_with 0
    eventually is_gone "$CHILD"
    equal "$(grep -cF "GET /hold?child: worker $WORKER was killed" "$LOG")" 1
  done
}

@test "--stop-timeout kills a worker that has left its process group" {
  local worker
  mkfifo "$FIFOS/begun"
  serve_on --stop-timeout=100ms leaves_group:app
  http /hang 3>&- &
  read -rt "$PATIENCE" worker _ <>"$FIFOS/begun"
  kill "$SERVER"
  ends_with 0
  is_gone "$worker"
}

@test "SIGTERM kills an import that has left its process group" {
  for where in server worker; do
    rm -f "$FIFOS/begun" "$FIFOS/end"
    run_listening --import="$where" leaves_group:at_import
    kill "$SERVER"
    eventually is_gone "$SERVER"
    equal "$(processes)" ""
    is_gone "$WORKER"
  done
}

# without_leak_check: the leak checker stops its exiting process with SIGSTOP. It would wait for
# ever if SIGCONT arrived just then and removed the SIGSTOP (POSIX.1, 2.4.1 Signal Generation).
without_leak_check() {
  export ASAN_OPTIONS+=:detect_leaks=0
}

# signal_all SIGNAL...: sends each signal to all processes, as `systemctl kill` and systemd's stop
# do.
signal_all() {
  local signal all
  mapfile -t all < <(processes)
  for signal; do
    kill -s "$signal" "${all[@]}" 2>/dev/null || : # some may have exited
  done
}

@test "SIGTERM or SIGINT to all processes, as from systemd, lets the running request finish" {
  for signal in TERM INT; do
    for where in server worker; do
      serve_on --import="$where" --spare=2 holds:app
      hold
      eventually has_processes 5
      signal_all "$signal"
      eventually are_left "$SERVER" "$WORKER"
      finishes "the beginning, the end"
      ends_with 0
    done
  done
  equal "$(cat "$LOG")" ""
}

@test "SIGHUP and SIGCONT to all processes after SIGTERM (SendSIGHUP=yes) have no effect" {
  without_leak_check
  for where in server worker; do
    serve_on --import="$where" --spare=2 holds:app
    hold
    eventually has_processes 5
    signal_all TERM HUP CONT
    eventually are_left "$SERVER" "$WORKER"
    finishes "the beginning, the end"
    ends_with 0
  done
  equal "$(cat "$LOG")" ""
}

@test "USR1, USR2, WINCH, and STOP followed by CONT, to all processes do no harm" {
  without_leak_check
  for where in server worker; do
    serve_on --import="$where" --spare=2 holds:app
    hold
    eventually has_processes 5
    local before
    before=$(processes)
    for signals in USR1 USR2 WINCH CONT "TSTP CONT" "STOP CONT"; do
      # shellcheck disable=SC2086 # several
      signal_all $signals
      [[ -n $(http /) ]]
    done
    finishes "the beginning, the end"
    eventually is_gone "$WORKER"
    for pid in $SERVER $(template); do
      contains "$before" "$pid"
    done
  done
  not_logged "wsgi-once: "
}

@test "other signals to all processes have no effect on an import" {
  without_leak_check
  for where in server worker; do
    serve_held_import "$where"
    # Otherwise the worker under test might serve it, and exit.
    if [[ $where == worker ]]; then wait "$WAITING"; fi
    signal_all USR1 USR2 WINCH CONT
    # shellcheck disable=SC2016 # expanded by the other shell
    timeout "$PATIENCE" sh -c ': >"$FIFOS/end"'
    if [[ $where == server ]]; then wait "$WAITING"; fi
    [[ -s $BATS_TEST_TMPDIR/answer ]]
    equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
    run ! is_gone "$CHILD"
    kill "$SERVER"
    ends_with 0
    rm "$FIFOS/begun" "$FIFOS/end"
  done
  equal "$(cat "$LOG")" ""
}

@test "signals that do not end a worker appear as SIG_DFL to the app, which can restore it" {
  for where in server worker; do
    serve_on --import="$where" handlers:app
    equal "$(http '/?SIGHUP,SIGINT,SIGTERM,SIGUSR1,SIGUSR2')" "[True, True, True, True, True]"
  done
}

@test "SIGTERM to all processes does not wait for the spares and the template" {
  for where in server worker; do
    serve_on --import="$where" --spare=3 holds:app
    eventually has_processes 5
    # shellcheck disable=SC2046 # several
    kill $(processes)
    ends_with 0
  done
  equal "$(cat "$LOG")" ""
}

@test "signals that do not end a worker still kill the children of a request" {
  for where in server worker; do
    serve --idle-timeout=0 --import="$where" terminates:app
    equal "$(http '/?SIGTERM,SIGHUP,SIGINT,SIGUSR1,SIGUSR2')" \
      "$(printf '%d %d\n' -15 -15 -1 -1 -2 -2 -10 -10 -12 -12)"
  done
}

@test "SIGTERM during an import stops the server with 0, and clients get the next server" {
  for where in server worker; do
    serve_held_import "$where"
    kill "$SERVER"
    equal "$(exit_status)" 0
    eventually is_gone "$CHILD"
    is_gone "$WORKER"
    wait "$WAITING"
    [[ -s $BATS_TEST_TMPDIR/answer ]]
    not_logged Traceback
  done
}

# serve_held_import WHERE: starts a server and a client that waits for the held import in process
# WORKER, which has a child CHILD.
serve_held_import() {
  # Otherwise a worker of the last server, which may still be importing, would be the first one.
  stop
  eventually has_processes 0
  rm -rf "$FIFOS/was imported"
  [[ -p $FIFOS/begun ]] || mkfifo "$FIFOS/begun" "$FIFOS/end"
  serve --idle-timeout=0 --import="$1" held_at_import:app
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  WAITING=$!
  read -rt "$PATIENCE" WORKER CHILD <>"$FIFOS/begun"
  find_server
}

@test "SIGTERM or SIGINT to all processes during an import stops the server with 0" {
  for signal in TERM INT; do
    for where in server worker; do
      serve_held_import "$where"
      signal_all "$signal"
      equal "$(exit_status)" 0
      eventually is_gone "$CHILD"
      is_gone "$WORKER"
      wait "$WAITING"
      [[ -s $BATS_TEST_TMPDIR/answer ]]
      not_logged Traceback
    done
  done
}

@test "SIGTERM before the first connection leaves no process behind" {
  for where in server worker; do
    rm -rf "$FIFOS/was imported"
    run_listening --import="$where" held_at_import:app
    kill "$SERVER"
    wait "$HANDING" # returns the server's status
    equal "$(processes)" ""
    eventually is_gone "$CHILD"
  done
  equal "$(cat "$LOG")" ""
}

# run_listening OPTION...: starts a server whose app is being imported; no client connects.
run_listening() {
  [[ -p $FIFOS/begun ]] || mkfifo "$FIFOS/begun" "$FIFOS/end"
  rm -f "$BATS_TEST_TMPDIR/socket"
  "$TESTS/hand-over" listen:"$BATS_TEST_TMPDIR/socket" -- \
    "$PROGRAM" --access-log=none --idle-timeout=0 --python-path="$APPS" "$@" 2>>"$LOG" 3>&- &
  HANDING=$!
  read -rt "$PATIENCE" WORKER CHILD <>"$FIFOS/begun"
  SERVER=$(pgrep -P "$HANDING")
}

@test "if the server is killed, spares and template exit and the running request finishes" {
  for where in server worker; do
    serve_on --import="$where" --spare=3 holds:app
    hold
    eventually has_processes 6
    kill -KILL "$SERVER"
    eventually are_left "$WORKER"
    finishes "the beginning, the end"
    eventually none_is_left
    equal "$(exit_status)" "signal 9"
    http / | grep -E '^[0-9]+ [0-9]+$'
  done
}

@test "if the server is killed during the import, no process is left" {
  for where in server worker; do
    rm -rf "$FIFOS/was imported"
    run_listening --import="$where" held_at_import:app
    kill -KILL "$SERVER"
    # shellcheck disable=SC2016 # expanded by the other shell
    timeout "$PATIENCE" sh -c ': >"$FIFOS/end"'
    eventually none_is_left
  done
}
