#!/usr/bin/env bats
# ways: one
#
# The server's workers: each request has its own process, how many workers there are, and what they
# inherit from the import. Stopping and reloading are tested elsewhere.

load helpers

export WAY=server FAMILY=unix

CLIENTS=()

# ---- starting and stopping ----

# descendants PID: prints the children of a process, their children, and so on.
descendants() {
  local child
  for child in $(pgrep -P "$1"); do
    echo "$child"
    descendants "$child"
  done
}

# Replaces the function of helpers.bash. A killed server leaves its workers to exit by themselves,
# which workers that wait for a failed test, and its clients, never would.
stop() {
  local job pids=()
  for job in $(jobs -p); do
    mapfile -t -O "${#pids[@]}" pids < <(echo "$job"; descendants "$job")
  done
  ((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || :
  wait 2>/dev/null
  ACTIVATOR=
}

# start_server [OPTION]... APPLICATION: starts a server that does not exit when idle. It starts with
# the first request.
start_server() {
  serve --idle-timeout=0 "$@"
}

# hand_over DESCRIPTOR... -- [OPTION]... APPLICATION: starts a server before the first request.
hand_over() {
  local descriptors=()
  stop
  while [[ $1 != -- ]]; do
    descriptors+=("$1")
    shift
  done
  "$TESTS/hand-over" "${descriptors[@]}" -- \
    "$PROGRAM" --python-path="$APPS" --access-log=none --idle-timeout=0 "${@:2}" \
      >>"$LOG" 2>&1 3>&- 4>&- &
  ACTIVATOR=$!
}

# The leak checker does not work in a process forked from one with threads.
forgo_leak_check() {
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
}

# turn_to PATH-OR-PORT: directs further requests there.
# shellcheck disable=SC2034 # http reads them
turn_to() {
  if [[ $1 == */* ]]; then
    TARGET=(--unix-socket "$1")
    ORIGIN=http://localhost
  else
    TARGET=()
    ORIGIN=http://127.0.0.1:$1
  fi
}

# start_idle_server [OPTION]... APPLICATION: starts a server of a unix socket before the first
# request.
start_idle_server() {
  ADDRESS=$BATS_TEST_TMPDIR/socket
  turn_to "$ADDRESS"
  rm -f "$ADDRESS"
  hand_over listen:"$ADDRESS" -- "$@"
  eventually test -S "$ADDRESS"
}

# Ends the server and all its workers, as systemd does.
end_server() {
  local server
  server=$(server)
  kill -TERM "$server"
  eventually test ! -e "/proc/$server"
}

# start_peers: makes sockets for an import to connect to: "peer" and, on the loopback address, one
# whose port is in the file "port". They exist until `stop`, so call this after the server is
# started; it imports nothing before the first request.
start_peers() {
  rm -f "$FIFOS/peer" "$FIFOS/port"
  "$TESTS/hand-over" listen:"$FIFOS/peer" listen-tcp:"$FIFOS/port" -- \
    sleep 3600 3>&- 4>&- &
  eventually test -f "$FIFOS/port"
}

# ---- looking at processes ----

server() {
  pgrep -P "$ACTIVATOR"
}

template() {
  pgrep -P "$(server)"
}

workers() {
  pgrep -P "$(template)" | sort
}

# sleeps PID: the process waits for something.
sleeps() {
  [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) == S* ]]
}

# has_workers N: there are N workers, and no more are being forked.
has_workers() {
  local pid pids
  mapfile -t pids < <(workers 2>/dev/null)
  ((${#pids[@]} == $1)) || return
  for pid in "$(template)" "${pids[@]}"; do
    sleeps "$pid" || return
  done
  equal "$(workers)" "$(printf '%s\n' "${pids[@]}")" >/dev/null
}

# has_lines N FILE
has_lines() {
  [[ -f $2 ]] && (($(wc -l <"$2") == $1))
}

# value KEY TEXT: prints the value of a line KEY=VALUE.
value() {
  sed -n "s/^$1=//p" <<<"$2"
}

# ---- requests that wait ----

# start_requests NAME...: starts a request in the background for each name, see tests/apps/waits.py.
# The status that curl prints goes to the file "answer-NAME". CLIENTS are the processes.
start_requests() {
  local name
  for name; do
    status "/$name" >"$FIFOS/answer-$name" 2>&1 3>&- 4>&- &
    CLIENTS+=($!)
  done
}

# hold NAME...: starts requests that last until `release` is called, and waits until they run.
hold() {
  local name
  for name; do
    mkfifo "$FIFOS/$name"
    start_requests "$name"
    eventually grep -qsx "begin $name" "$FIFOS/notes"
  done
}

release() {
  local name
  for name; do
    timeout "$PATIENCE" tee "$FIFOS/$name" </dev/null
  done
}

# All clients have exited, and each got its answer.
all_answered() {
  local client file
  for client in "${CLIENTS[@]}"; do
    wait "$client" || return
  done
  for file in "$FIFOS"/answer-*; do
    equal "$(<"$file")" 200 || return
  done
}

# Prints the maximum number of concurrent requests in the app.
most_at_once() {
  awk '/^begin/ { n++ } /^end/ { n-- } n > most { most = n } END { print most + 0 }' "$FIFOS/notes"
}

# Prints the number of connections that are not accepted yet.
backlog() {
  if [[ $FAMILY == unix ]]; then
    # proc_pid_net(5): such a connection has no inode yet, but the address of the listener.
    awk -v path="$ADDRESS" '$8 == path && $7 == 0' /proc/net/unix | wc -l
  else
    awk -v port="$(printf ':%04X' "$ADDRESS")" \
      '$2 ~ port "$" && $4 == "0A" { split($5, queue, ":"); print queue[2] }' /proc/net/tcp |
      sed 's/^/0x/' | xargs printf '%d\n'
  fi
}

has_backlog() {
  (($(backlog) == $1))
}

# ---- a process for each request ----

@test "each request runs in a new process without traces of other requests" {
  local expected='' server='' pids=()
  start_server process:app
  for _ in 1 2 3 4; do
    run -0 http /
    pids+=("$(value pid "$output")")
    : "${server:=$(server)}" "${expected:=$(sed 1d <<<"$output")}"
    # Count, variable, attribute, directory and umask, and which process imported what.
    equal "$(sed 1d <<<"$output")" "$expected"
    equal "$(value count "$output")" 1
    equal "$(value variable "$output")" None
    equal "$(value attribute "$output")" False
  done
  equal "$(printf '%s\n' "${pids[@]}" | sort -u | wc -l)" 4
  # The server stayed the same and imported the app once.
  equal "$(server)" "$server"
  equal "$(wc -l <"$FIFOS/imports")" 1
  equal "$(cat "$STATUSES")" ""
}

@test "the environ says run_once and multiprocess" {
  start_server environ:app
  equal "$(get_environ wsgi.run_once /)" True
  equal "$(get_environ wsgi.multiprocess /)" True
}

@test "each worker has its own process group" {
  start_idle_server --spare=2 hello:app
  eventually has_workers 2
  for pid in $(workers); do
    equal "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 3)" "$pid"
  done
}

# ---- --spare ----

@test "--spare: that many workers wait before the first request, and serve the next requests" {
  local spares
  for number in 1 2 5; do
    start_idle_server --spare="$number" process:app
    eventually has_workers "$number"
    spares=$(workers)
    grep -qx "$(value pid "$(http /)")" <<<"$spares"
  done
}

@test "--spare: the default is two" {
  start_idle_server hello:app
  eventually has_workers 2
}

@test "--spare: a used worker is replaced, and the others stay" {
  local before pid
  start_idle_server --spare=3 process:app
  eventually has_workers 3
  for _ in 1 2 3 4; do
    before=$(workers)
    pid=$(value pid "$(http /)")
    grep -qx "$pid" <<<"$before"
    eventually test ! -e "/proc/$pid"
    eventually has_workers 3
    equal "$(comm -23 <(echo "$before") <(workers))" "$pid"
  done
}

@test "--spare: if all spares are busy, more workers are forked" {
  start_idle_server --spare=2 waits:app
  hold a b c d e
  equal "$(status /free)" 200
  equal "$(most_at_once)" 6
  release e d c b a
  all_answered
  eventually has_workers 2
}

# ---- --max-workers ----

# exceed_max_workers FAMILY
exceed_max_workers() {
  local name
  FAMILY=$1
  start_server --spare=1 --max-workers=2 waits:app
  hold a b
  start_requests c d e f
  eventually has_backlog 4
  eventually has_workers 2
  # One worker serves all of them, one after the other, while b is still running.
  release a
  for name in c d e f; do
    eventually grep -qsx "end $name" "$FIFOS/notes"
  done
  run -1 grep -x "end b" "$FIFOS/notes"
  release b
  all_answered
  equal "$(most_at_once)" 2
}

@test "--max-workers: further connections wait until a worker exits, and none is reset" {
  exceed_max_workers unix
}

@test "--max-workers: further connections over TCP wait as well" {
  exceed_max_workers tcp
}

@test "--max-workers limits spares and workers together" {
  start_idle_server --spare=5 --max-workers=2 waits:app
  eventually has_workers 2
  hold a
  eventually has_workers 2
  release a
  all_answered
  eventually has_workers 2
}

@test "--max-workers=1 serves all requests" {
  start_server --max-workers=1 waits:app
  hold a
  start_requests b c d
  eventually has_backlog 3
  release a
  all_answered
  equal "$(most_at_once)" 1
}

# ---- listeners ----

# start_with_listeners [OPTION]... APPLICATION: starts a server with the listeners LISTENERS.
start_with_listeners() {
  local directory=$BATS_TEST_TMPDIR/listeners
  mkdir "$directory"
  hand_over listen:"$directory/a" listen:"$directory/b" listen-tcp:"$directory/port" -- \
    --spare=1 "$@"
  eventually test -f "$directory/port"
  LISTENERS=("$directory/a" "$directory/b" "$(<"$directory/port")")
}

@test "several listeners: a spare serves whichever has a client" {
  start_with_listeners process:app
  for _ in 1 2 3; do
    for listener in "${LISTENERS[@]}"; do
      turn_to "$listener"
      eventually has_workers 1
      spare=$(workers)
      equal "$(value pid "$(http /)")" "$spare"
      # It counts as a worker until it has exited.
      eventually test ! -e "/proc/$spare"
    done
  done
}

@test "several listeners: while a request on one keeps a worker busy, the others are served" {
  start_with_listeners waits:app
  for i in 0 1 2; do
    turn_to "${LISTENERS[i]}"
    hold "$i"
  done
  for listener in "${LISTENERS[@]}"; do
    turn_to "$listener"
    equal "$(status /free)" 200
  done
  equal "$(most_at_once)" 4
  release 0 1 2
  all_answered
}

# wait_at LISTENER NAME...: starts clients whose requests wait at the listener to be accepted.
wait_at() {
  local name said=$BATS_TEST_TMPDIR/said
  [[ -p $said ]] || mkfifo "$said"
  for name in "${@:2}"; do
    "$TESTS/talk" "$1" send "GET /$name HTTP/1.1\r\nHost: a\r\n\r\n" meet "$said" read \
      >"$FIFOS/answer-$name" 3>&- 4>&- &
    CLIENTS+=($!)
    read_fifo "$said"
  done
}

# Any order is fair in which no client waits for two clients of another listener.
@test "several listeners: load on one does not starve the others" {
  local client served i
  mkfifo "$FIFOS/import"
  start_with_listeners --max-workers=1 waits_at_import:app
  wait_at "${LISTENERS[0]}" a{1..9}
  wait_at "${LISTENERS[1]}" b{1..3}
  wait_at "${LISTENERS[2]}" c{1..3}
  write_fifo "$FIFOS/import"
  for client in "${CLIENTS[@]}"; do
    wait "$client"
  done
  served=$(sed -n 's/^begin \(.\).*/\1/p' "$FIFOS/notes" | tr -d '\n')
  equal "${#served}" 15
  for i in 0 3 6; do
    equal "${served:i:3} $(grep -o . <<<"${served:i:3}" | sort | tr -d '\n')" "${served:i:3} abc"
  done
}

# Each process serves one connection and knows nothing of the others, so it starts with a random
# listener. The probability that none of 64 starts with the second of two is 1 in 2^64.
@test "--single with several listeners: load on one does not starve the other" {
  local a=$FIFOS/listener-a b=$FIFOS/listener-b
  # shellcheck disable=SC2016 # expanded by the inner shell
  "$TESTS/hand-over" listen:"$a" listen:"$b" -- sh -c '
    read -r _ <"$FIFOS/start"
    for _ in $(seq 64); do
      sh -c "LISTEN_PID=\$\$ exec \"\$@\"" sh "$@" || exit
      ! grep -sqx "end b" "$FIFOS/notes" || exit 0
    done' sh \
    "$PROGRAM" --single --python-path="$APPS" --access-log=none waits:app \
      >>"$LOG" 2>&1 3>&- 4>&- &
  ACTIVATOR=$!
  mkfifo "$FIFOS/start" "$FIFOS/load"
  eventually test -S "$b"
  /usr/bin/python3 -IS -c '
import signal, socket, sys
clients = [socket.socket(socket.AF_UNIX) for _ in range(64)]
for client in clients:
    client.connect(sys.argv[1])
    client.sendall(b"GET /a HTTP/1.0\r\n\r\n")
open(sys.argv[2], "w").close()
signal.pause()' "$a" "$FIFOS/load" 3>&- 4>&- &
  read_fifo "$FIFOS/load"
  wait_at "$b" b
  write_fifo "$FIFOS/start" $'go\n'
  wait "${CLIENTS[0]}"
  contains "$(<"$FIFOS/answer-b")" "answer to b"
}

# ---- what a worker inherits from the import ----

@test "after-fork hooks run once in each spare, before the first request" {
  local pid
  start_idle_server --spare=3 after_fork:app
  eventually has_workers 3
  equal "$(sort "$FIFOS/forked")" "$(workers)"
  pid=$(http /)
  eventually has_lines 4 "$FIFOS/forked"
  equal "$(grep -cx "$pid" "$FIFOS/forked")" 1
}

@test "after-fork hooks and their children have the signal mask of requests" {
  start_server blocked_signals:app
  equal "$(http /)" "set() set()"
}

@test "random numbers do not repeat" {
  local numbers
  start_server random_number:app
  numbers=$(for _ in 1 2 3 4 5; do http /; done)
  equal "$(sort -u <<<"$numbers" | grep -c '^0\.')" 5
}

@test "the garbage collector is on, and objects from before the fork are frozen" {
  start_server frozen:app
  equal "$(http /)" "enabled: True
frozen before each fork: True
import: False
first call: True
this call: True"
  start_server --warm-up=/ frozen:app
  equal "$(http /)" "enabled: True
frozen before each fork: True
import: False
first call: False
this call: True"
}

@test "buffered output of the import is written once" {
  start_idle_server --spare=3 buffers:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  end_server
  equal "$(grep -o "buffered by Python" "$LOG" | wc -l)" 1
}

@test "output buffered by the C library is written once" {
  start_idle_server --spare=3 buffers:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  end_server
  equal "$(grep -o "buffered by the C library" "$LOG" | wc -l)" 1
}

@test "a worker has no descriptor of the server except its connection" {
  for options in --import=server --import=worker --warm-up=/; do
    start_server "$options" descriptors:app
    run -0 http /
    equal "$(grep -c '^app [0-9]* socket:' <<<"$output")" 1
    equal "$(grep '^app' <<<"$output" | grep -cvE '^app ([012] |[0-9]+ socket:)')" 0
  done
}

@test "systemd's variables are hidden from the app and its children" {
  local hidden='^(NOTIFY_SOCKET|WATCHDOG_[A-Z]+|LISTEN_[A-Z]+)='
  export WATCHDOG_USEC=10000000 WATCHDOG_PID=1
  for where in server worker; do
    start_server --import="$where" environ_at_import:app
    run -0 http /
    # Control: the rest of the environment is there, three times.
    equal "$(grep -c '^FIFOS=' <<<"$output")" 3
    equal "$(grep -cE "$hidden" <<<"$output")" 0
  done
}

# ---- out of descriptors ----

# pauses PID: prints the number of voluntary context switches.
pauses() {
  sed -n 's/^voluntary_ctxt_switches:\s*//p' "/proc/$1/status"
}

has_paused() {
  (($(pauses "$1") >= $2))
}

# ticks PID: prints the processor time, user and system, in the ticks of proc_pid_stat(5).
ticks() {
  sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

@test "without free descriptors, a spare waits without spinning and logs it once" {
  local client server spare before
  start_idle_server --spare=1 hello:app
  eventually has_workers 1
  server=$(server)
  spare=$(workers)
  prlimit --pid "$spare" --nofile=3:
  status / >"$FIFOS/answer" 3>&- 4>&- &
  client=$!
  logged "Too many open files"
  before=$(ticks "$spare")
  # Each pause is a voluntary context switch; a busy loop has none.
  eventually has_paused "$spare" $(($(pauses "$spare") + 10))
  (($(ticks "$spare") - before <= 20))
  equal "$(cat "$FIFOS/answer")" ""
  equal "$(grep -c "Too many open files" "$LOG")" 1
  equal "$(wc -l <"$LOG")" 1
  # No process has exited.
  equal "$(server) $(workers)" "$server $spare"
  prlimit --pid "$spare" --nofile=1024:
  wait "$client"
  equal "$(cat "$FIFOS/answer")" 200
  eventually has_workers 1
  equal "$(server)" "$server"
  equal "$(wc -l <"$LOG")" 1
}

# traced INJECTION: from now on, the program runs under strace(1) with this fault injection.
traced() {
  UNTRACED=${UNTRACED:-$PROGRAM}
  PROGRAM=$BATS_TEST_TMPDIR/traced
  # -D: the program itself stays the process that LISTEN_PID names. Leak detection is off because it
  # needs ptrace(2), which strace uses.
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  printf '#!/bin/sh\nexec strace -D -f -o "%s" -e trace=accept4 -e "inject=%s" "%s" "$@"\n' \
    "$BATS_TEST_TMPDIR/trace" "$1" "$UNTRACED" >"$PROGRAM"
  chmod +x "$PROGRAM"
}

has_injected() {
  (($(grep -c INJECTED "$BATS_TEST_TMPDIR/trace") == $1))
}

@test "if the system is out of descriptors or memory, a spare waits and logs it once" {
  for error in ENFILE EMFILE ENOBUFS ENOMEM; do
    traced "accept4:error=$error:when=1..3"
    : >"$LOG"
    start_server --spare=1 hello:app
    equal "$(status /)" 200
    eventually has_injected 3
    equal "$(wc -l <"$LOG")" 1
    stop
  done
}

@test "a client that disconnects before it is accepted is not logged" {
  traced "accept4:error=ECONNABORTED:when=1..3"
  start_server --spare=1 hello:app
  equal "$(status /)" 200
  eventually has_injected 3
  equal "$(cat "$LOG")" ""
}

# ---- --import=worker ----

@test "--import=worker: each worker imports the app before the first request" {
  local spares pid
  start_idle_server --import=worker --spare=3 process:app
  eventually has_lines 3 "$FIFOS/imports"
  spares=$(sort "$FIFOS/imports")
  eventually has_workers 3
  equal "$(workers)" "$spares"
  run -0 http /
  pid=$(value pid "$output")
  equal "$(value importer "$output")" "$pid"
  equal "$(value count "$output")" 1
  grep -qx "$pid" <<<"$spares"
  # Its replacement does the same.
  eventually has_lines 4 "$FIFOS/imports"
}

@test "--import=server: the template imports the app for all workers" {
  start_idle_server --import=server --spare=3 process:app
  eventually has_workers 3
  equal "$(cat "$FIFOS/imports")" "$(template)"
  equal "$(value importer "$(http /)")" "$(template)"
}

@test "--import=worker: an app may use a thread started by the import" {
  start_server --import=worker thread_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "asked, answered in the background"
  done
  equal "$(cat "$LOG")" ""
}

# ---- what an import leaves behind ----

@test "a thread started by the import is logged once" {
  forgo_leak_check
  start_server thread_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "the thread is gone"
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "the background"
  contains "$(cat "$LOG")" "--import=worker"
}

@test "a thread that Python does not know is logged once" {
  forgo_leak_check
  start_server library_thread:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "thread"
  contains "$(cat "$LOG")" "--import=worker"
}

@test "a thread started by the warm-up is logged once" {
  forgo_leak_check
  start_server --warm-up=/ starts_thread_once:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "late"
  contains "$(cat "$LOG")" "--import=worker"
}

@test "connections made by the import are logged once" {
  start_server connects_at_import:app
  start_peers
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "$FIFOS/peer"
  contains "$(cat "$LOG")" "127.0.0.1"
  contains "$(cat "$LOG")" "$(<"$FIFOS/port")"
  contains "$(cat "$LOG")" "--import=worker"
}

@test "an event loop made by the import is logged once as an event loop" {
  start_server loop_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "the import left behind an event loop (descriptor "
  contains "$(cat "$LOG")" "--import=worker"
  # The socket pair that wakes it up belongs to it.
  not_logged "a connection ("
}

@test "an event loop and a connection of the import are both logged" {
  start_server loop_and_connection_at_import:app
  start_peers
  equal "$(http /)" "Hello."
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "an event loop (descriptor "
  contains "$(cat "$LOG")" "a connection to $FIFOS/peer"
}

@test "datagram sockets connected by the import (syslog, statsd) are not logged" {
  start_server datagrams_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(cat "$LOG")" ""
}

@test "--import=worker: threads and connections of the import are not logged" {
  forgo_leak_check
  for app in thread_at_import library_thread connects_at_import loop_at_import; do
    start_server --import=worker $app:app
    start_peers
    equal "$(status /)" 200
    equal "$(status /)" 200
  done
  equal "$(cat "$LOG")" ""
}

@test "an import that leaves no threads or connections logs nothing" {
  for app in hello tidies_up environ; do
    start_server $app:app
    start_peers
    equal "$(status /)" 200
    equal "$(status /)" 200
  done
  start_server --warm-up=/ hello:app
  equal "$(status /)" 200
  equal "$(cat "$LOG")" ""
}

# ---- --warm-up ----

# seen FIELD TEXT: prints this field of the requests in an answer of lazy.py, separated by spaces.
seen() {
  cut -d ' ' -f "$1" <<<"$2" | xargs
}

@test "--warm-up: the app serves one request before the first fork" {
  start_idle_server --spare=2 --warm-up=/login?next=/ lazy:app
  eventually has_workers 2
  # Before any client; in the template; with GET.
  local version
  version=$("$PROGRAM" --version | cut -d ' ' -f 2)
  equal "$(cat "$FIFOS/notes")" \
    "lazily $(template) GET localhost /login next=/ wsgi-once/$version (warm-up)"
  # Each worker knows the warm-up and its own request, and need not import anything.
  for _ in 1 2 3; do
    run -0 http /own
    equal "$(seen 1 "$output")" "lazily already"
    equal "$(seen 5 "$output")" "/login /own"
    equal "$(seen 2 "$output")" "$(template) $(tail -n 1 "$FIFOS/notes" | cut -d ' ' -f 2)"
  done
  equal "$(grep -c "warm-up" "$FIFOS/notes")" 1
  equal "$(cat "$LOG")" ""
}

@test "without --warm-up, there is no such request" {
  start_idle_server --spare=2 lazy:app
  eventually has_workers 2
  test ! -e "$FIFOS/notes"
  for _ in 1 2; do
    run -0 http /own
    equal "$(seen 1,5 "$output")" "lazily /own"
  done
}

@test "--warm-up=http://host/path sets the host" {
  start_server --warm-up=http://www.example.org:8000/login?next=/ lazy:app
  run -0 http /own
  equal "$(head -n 1 <<<"$output" | cut -d ' ' -f 3-6)" "GET www.example.org:8000 /login next=/"
}

@test "--warm-up with --import=worker: each worker is warmed up before the first request" {
  start_idle_server --spare=2 --import=worker --warm-up=/login lazy:app
  eventually has_lines 2 "$FIFOS/notes"
  eventually has_workers 2
  equal "$(cut -d ' ' -f 2 "$FIFOS/notes" | sort)" "$(workers)"
  run -0 http /own
  equal "$(seen 1 "$output")" "lazily already"
  equal "$(seen 5 "$output")" "/login /own"
  equal "$(cut -d ' ' -f 2 <<<"$output" | uniq | wc -l)" 1
}

@test "--warm-up: an error answer is logged and does no other harm" {
  for path in /404 /500 /raises /exits; do
    : >"$LOG"
    start_server --warm-up=$path lazy:app
    for _ in 1 2; do
      run -0 http /own
      equal "$(seen 5 "$output")" "$path /own"
    done
    equal "$(grep -c -e "--warm-up=$path" "$LOG")" 1
  done
}

@test "--warm-up: a redirect is no error" {
  start_server --warm-up=/302 lazy:app
  run -0 http /own
  equal "$(seen 5 "$output")" "/302 /own"
  equal "$(cat "$LOG")" ""
}

@test "--warm-up: a large answer is read to the end" {
  for where in server worker; do
    start_server --import="$where" --warm-up=/big lazy:app
    run -0 http /own
    equal "$(seen 5 "$output")" "/big /own"
  done
  equal "$(cat "$LOG")" ""
}

@test "--warm-up leaves no process behind" {
  start_idle_server --spare=1 --warm-up=/ hello:app
  # No zombie either.
  eventually has_workers 1
  equal "$(pgrep -P "$(server)" | wc -l)" 1
}
