#!/usr/bin/env bats
# ways: one
#
# The server's workers: that each request has a process of its own, how many there are, and what
# they have of the import. How the server ends and reloads is not the matter here.

load helpers

export WAY=server FAMILY=unix

CLIENTS=()

# ---- starting and stopping ----

# Those that a process has started, and those that these have, and so on.
descendants() {
  local child
  for child in $(pgrep -P "$1"); do
    echo "$child"
    descendants "$child"
  done
}

# Instead of the helpers': a server that is killed leaves it to its workers to end, which those that
# wait for a test that failed never would; nor would the test's clients.
stop() {
  local job pids=()
  for job in $(jobs -p); do
    mapfile -t -O "${#pids[@]}" pids < <(echo "$job"; descendants "$job")
  done
  ((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || :
  wait 2>/dev/null
  ACTIVATOR=
}

# start_server [OPTION]... APPLICATION: with the first request; it does not end by itself.
start_server() {
  serve --idle-timeout=0 "$@"
}

# hand_over DESCRIPTOR... -- [OPTION]... APPLICATION: starts a server before anybody has asked.
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

# The leak checker cannot work in a process that was forked off one with threads.
forgo_leak_check() {
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
}

# turn_to PATH-OR-PORT: requests go there from now on.
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

# start_idle_server [OPTION]... APPLICATION: it has a unix socket, and nobody has asked yet.
start_idle_server() {
  ADDRESS=$BATS_TEST_TMPDIR/socket
  turn_to "$ADDRESS"
  rm -f "$ADDRESS"
  hand_over listen:"$ADDRESS" -- "$@"
  eventually test -S "$ADDRESS"
}

# Ends the server, and all of its workers, as systemd does.
end_server() {
  local server
  server=$(server)
  kill -TERM "$server"
  eventually test ! -e "/proc/$server"
}

# start_peers: sockets for an import to connect to: "peer" and, on the loopback address, one whose
# port is in the file "port". They stay until `stop`; so the server has to be started before, which
# imports nothing before the first request.
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

# It waits for something.
sleeps() {
  [[ $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) == S* ]]
}

# There are so many workers, and no more are coming.
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

# value KEY TEXT: of a line KEY=VALUE.
value() {
  sed -n "s/^$1=//p" <<<"$2"
}

# ---- requests that wait ----

# ask NAME...: a request in the background for each, see the app waits.py; what curl says is in the
# file "answer-NAME" then. CLIENTS are their processes.
ask() {
  local name
  for name; do
    status "/$name" >"$FIFOS/answer-$name" 2>&1 3>&- 4>&- &
    CLIENTS+=($!)
  done
}

# hold NAME...: the same for requests that go on until `release` is called, and waits for them.
hold() {
  local name
  for name; do
    mkfifo "$FIFOS/$name"
    ask "$name"
    eventually grep -qsx "begin $name" "$FIFOS/notes"
  done
}

release() {
  local name
  for name; do
    timeout 20 tee "$FIFOS/$name" </dev/null
  done
}

# All clients have ended, and each got its answer.
all_answered() {
  local client file
  for client in "${CLIENTS[@]}"; do
    wait "$client" || return
  done
  for file in "$FIFOS"/answer-*; do
    equal "$(<"$file")" 200 || return
  done
}

# How many requests the app had at the same time, at most.
most_at_once() {
  awk '/^begin/ { n++ } /^end/ { n-- } n > most { most = n } END { print most + 0 }' "$FIFOS/notes"
}

# Connections that nobody has accepted yet.
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

@test "each request has a new process, in which nothing is left of another request" {
  local expected='' server='' pids=()
  start_server process:app
  for _ in 1 2 3 4; do
    run -0 http /
    pids+=("$(value pid "$output")")
    : "${server:=$(server)}" "${expected:=$(sed 1d <<<"$output")}"
    # count, variable, attribute, directory and umask; as well as what was imported where.
    equal "$(sed 1d <<<"$output")" "$expected"
    equal "$(value count "$output")" 1
    equal "$(value variable "$output")" None
    equal "$(value attribute "$output")" False
  done
  equal "$(printf '%s\n' "${pids[@]}" | sort -u | wc -l)" 4
  # It was one server all the time, which has imported the app once.
  equal "$(server)" "$server"
  equal "$(wc -l <"$FIFOS/imports")" 1
  equal "$(cat "$STATUSES")" ""
}

@test "the app is told so" {
  start_server environ:app
  equal "$(get_environ wsgi.run_once /)" True
  equal "$(get_environ wsgi.multiprocess /)" True
}

@test "a worker is a process group of its own" {
  start_idle_server --spare=2 hello:app
  eventually has_workers 2
  for pid in $(workers); do
    equal "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 3)" "$pid"
  done
}

# ---- --spare ----

@test "--spare: so many workers wait before anybody asks, and serve the next requests" {
  local spares
  for number in 1 2 5; do
    start_idle_server --spare="$number" process:app
    eventually has_workers "$number"
    spares=$(workers)
    grep -qx "$(value pid "$(http /)")" <<<"$spares"
  done
}

@test "--spare: without it, there are two" {
  start_idle_server hello:app
  eventually has_workers 2
}

@test "--spare: one that had its request is replaced, the others stay" {
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

@test "--spare: while all are busy, others are forked, and serve" {
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
  ask c d e f
  eventually has_backlog 4
  eventually has_workers 2
  # One is enough for all of them, one after the other, while b still goes on.
  release a
  for name in c d e f; do
    eventually grep -qsx "end $name" "$FIFOS/notes"
  done
  run -1 grep -x "end b" "$FIFOS/notes"
  release b
  all_answered
  equal "$(most_at_once)" 2
}

@test "--max-workers: further connections wait until one ends, and none is reset" {
  exceed_max_workers unix
}

@test "--max-workers: so it is over TCP" {
  exceed_max_workers tcp
}

@test "--max-workers: spares count, and there are no more of them than it allows" {
  start_idle_server --spare=5 --max-workers=2 waits:app
  eventually has_workers 2
  hold a
  eventually has_workers 2
  release a
  all_answered
  eventually has_workers 2
}

@test "--max-workers: one is enough" {
  start_server --max-workers=1 waits:app
  hold a
  ask b c d
  eventually has_backlog 3
  release a
  all_answered
  equal "$(most_at_once)" 1
}

# ---- listeners ----

# start_with_listeners [OPTION]... APPLICATION: LISTENERS are where it can be asked then.
start_with_listeners() {
  local directory=$BATS_TEST_TMPDIR/listeners
  mkdir "$directory"
  hand_over listen:"$directory/a" listen:"$directory/b" listen-tcp:"$directory/port" -- \
    --spare=1 "$@"
  eventually test -f "$directory/port"
  LISTENERS=("$directory/a" "$directory/b" "$(<"$directory/port")")
}

@test "several listeners at once: a spare serves whichever has a client" {
  start_with_listeners process:app
  for _ in 1 2 3; do
    for listener in "${LISTENERS[@]}"; do
      turn_to "$listener"
      eventually has_workers 1
      spare=$(workers)
      equal "$(value pid "$(http /)")" "$spare"
      # Until it has gone, it is one of the workers.
      eventually test ! -e "/proc/$spare"
    done
  done
}

@test "several listeners at once: while one keeps a worker busy, the others are served" {
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

# wait_at LISTENER NAME...: clients whose requests wait there before anybody accepts them.
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

# Any order is fair in which nobody's turn comes after two clients of another listener.
@test "several listeners at once: load on one does not keep the others waiting" {
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

# Each process serves one connection and knows nothing of the others, so it begins at any of the
# listeners. That 64 of them never begin at the second one of two is as likely as 1 in 2^64.
@test "--single, several listeners: load on one does not keep the other waiting for ever" {
  local a=$FIFOS/listener-a b=$FIFOS/listener-b
  # shellcheck disable=SC2016 # for the shells in there
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

# ---- what a worker has of the import ----

@test "after-fork hooks have run in the spares before anybody asks, once in each" {
  local pid
  start_idle_server --spare=3 after_fork:app
  eventually has_workers 3
  equal "$(sort "$FIFOS/forked")" "$(workers)"
  pid=$(http /)
  eventually has_lines 4 "$FIFOS/forked"
  equal "$(grep -cx "$pid" "$FIFOS/forked")" 1
}

@test "after-fork hooks, and what they start, have the signals that requests have" {
  start_server blocked_signals:app
  equal "$(http /)" "set() set()"
}

@test "the same random numbers do not come twice" {
  local numbers
  start_server random_number:app
  numbers=$(for _ in 1 2 3 4 5; do http /; done)
  equal "$(sort -u <<<"$numbers" | grep -c '^0\.')" 5
}

@test "the garbage collector is on, but leaves what was there before the fork alone" {
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

@test "output that the import has left in the buffers is written once" {
  start_idle_server --spare=3 buffers:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  end_server
  equal "$(grep -o "buffered by Python" "$LOG" | wc -l)" 1
}

@test "so is output in the buffers of the C library" {
  start_idle_server --spare=3 buffers:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  end_server
  equal "$(grep -o "buffered by the C library" "$LOG" | wc -l)" 1
}

@test "a worker has no socket but its connection, nor any other descriptor of the server" {
  for options in --import=server --import=worker --warm-up=/; do
    start_server "$options" descriptors:app
    run -0 http /
    equal "$(grep -c '^app [0-9]* socket:' <<<"$output")" 1
    equal "$(grep '^app' <<<"$output" | grep -cvE '^app ([012] |[0-9]+ socket:)')" 0
  done
}

@test "what systemd tells the server is hidden from the app and what it starts" {
  local hidden='^(NOTIFY_SOCKET|WATCHDOG_[A-Z]+|LISTEN_[A-Z]+)='
  export WATCHDOG_USEC=10000000 WATCHDOG_PID=1
  for where in server worker; do
    start_server --import="$where" environ_at_import:app
    run -0 http /
    # the control: the rest of the environment is there, three times
    equal "$(grep -c '^FIFOS=' <<<"$output")" 3
    equal "$(grep -cE "$hidden" <<<"$output")" 0
  done
}

# ---- no descriptors left ----

# How often a process has gone to sleep by itself.
pauses() {
  sed -n 's/^voluntary_ctxt_switches:\s*//p' "/proc/$1/status"
}

has_paused() {
  (($(pauses "$1") >= $2))
}

# Processor time, in the ticks of proc_pid_stat(5): of user and kernel.
ticks() {
  sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

@test "without descriptors for connections, a spare waits without haste, and says so once" {
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
  # Each pause is one; what spins has none.
  eventually has_paused "$spare" $(($(pauses "$spare") + 10))
  (($(ticks "$spare") - before <= 20))
  equal "$(cat "$FIFOS/answer")" ""
  equal "$(grep -c "Too many open files" "$LOG")" 1
  equal "$(wc -l <"$LOG")" 1
  # Nothing has died.
  equal "$(server) $(workers)" "$server $spare"
  prlimit --pid "$spare" --nofile=1024:
  wait "$client"
  equal "$(cat "$FIFOS/answer")" 200
  eventually has_workers 1
  equal "$(server)" "$server"
  equal "$(wc -l <"$LOG")" 1
}

# traced INJECTION: from now on the program runs under strace(1), which injects that.
traced() {
  UNTRACED=${UNTRACED:-$PROGRAM}
  PROGRAM=$BATS_TEST_TMPDIR/traced
  # -D: the program itself stays the process that LISTEN_PID names. Leaks are not looked for, since
  # that needs ptrace(2), too.
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  printf '#!/bin/sh\nexec strace -D -f -o "%s" -e trace=accept4 -e "inject=%s" "%s" "$@"\n' \
    "$BATS_TEST_TMPDIR/trace" "$1" "$UNTRACED" >"$PROGRAM"
  chmod +x "$PROGRAM"
}

has_injected() {
  (($(grep -c INJECTED "$BATS_TEST_TMPDIR/trace") == $1))
}

@test "so it does when the system has no descriptors or no memory for it" {
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

@test "a client that has gone before it was accepted is not worth a word" {
  traced "accept4:error=ECONNABORTED:when=1..3"
  start_server --spare=1 hello:app
  equal "$(status /)" 200
  eventually has_injected 3
  equal "$(cat "$LOG")" ""
}

# ---- --import=worker ----

@test "--import=worker: each worker imports for itself, before anybody asks" {
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
  # The one that takes its place does the same.
  eventually has_lines 4 "$FIFOS/imports"
}

@test "--import=server: the template imports for all" {
  start_idle_server --import=server --spare=3 process:app
  eventually has_workers 3
  equal "$(cat "$FIFOS/imports")" "$(template)"
  equal "$(value importer "$(http /)")" "$(template)"
}

@test "--import=worker: an app may leave its work to a thread that the import has started" {
  start_server --import=worker thread_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "asked, answered in the background"
  done
  equal "$(cat "$LOG")" ""
}

# ---- what an import leaves behind ----

@test "a thread that the import has started is named in the log, once" {
  forgo_leak_check
  start_server thread_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "the thread is gone"
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "the background"
  contains "$(cat "$LOG")" "--import=worker"
}

@test "so is one that Python knows nothing of" {
  forgo_leak_check
  start_server library_thread:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "thread"
  contains "$(cat "$LOG")" "--import=worker"
}

@test "so is one that the warm-up has started" {
  forgo_leak_check
  start_server --warm-up=/ starts_thread_once:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "late"
  contains "$(cat "$LOG")" "--import=worker"
}

@test "connections that the import has made are named in the log, once" {
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

@test "an event loop that the import has made is named in the log as that, once" {
  start_server loop_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "the import left behind an event loop (descriptor "
  contains "$(cat "$LOG")" "--import=worker"
  # the pair of sockets that wakes it up is a part of it
  not_logged "a connection ("
}

@test "an event loop and a connection of the import are both named" {
  start_server loop_and_connection_at_import:app
  start_peers
  equal "$(http /)" "Hello."
  equal "$(wc -l <"$LOG")" 1
  contains "$(cat "$LOG")" "an event loop (descriptor "
  contains "$(cat "$LOG")" "a connection to $FIFOS/peer"
}

@test "datagram sockets that the import has connected (syslog, statsd) are not worth a word" {
  start_server datagrams_at_import:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
  done
  equal "$(cat "$LOG")" ""
}

@test "--import=worker: threads and connections of the import are not worth a word" {
  forgo_leak_check
  for app in thread_at_import library_thread connects_at_import loop_at_import; do
    start_server --import=worker $app:app
    start_peers
    equal "$(status /)" 200
    equal "$(status /)" 200
  done
  equal "$(cat "$LOG")" ""
}

@test "nor is an import that leaves neither" {
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

# seen FIELD TEXT: the field of the requests in what lazy.py says, separated by spaces.
seen() {
  cut -d ' ' -f "$1" <<<"$2" | xargs
}

@test "--warm-up: the app has one request before the first fork" {
  start_idle_server --spare=2 --warm-up=/login?next=/ lazy:app
  eventually has_workers 2
  # Before anybody has asked; in the template; by GET.
  local version
  version=$("$PROGRAM" --version | cut -d ' ' -f 2)
  equal "$(cat "$FIFOS/notes")" \
    "lazily $(template) GET localhost /login next=/ wsgi-once/$version (warm-up)"
  # Each worker knows of that one and of its own, and need not import any more.
  for _ in 1 2 3; do
    run -0 http /own
    equal "$(seen 1 "$output")" "lazily already"
    equal "$(seen 5 "$output")" "/login /own"
    equal "$(seen 2 "$output")" "$(template) $(tail -n 1 "$FIFOS/notes" | cut -d ' ' -f 2)"
  done
  equal "$(grep -c "warm-up" "$FIFOS/notes")" 1
  equal "$(cat "$LOG")" ""
}

@test "--warm-up: without it, there is no such request" {
  start_idle_server --spare=2 lazy:app
  eventually has_workers 2
  test ! -e "$FIFOS/notes"
  for _ in 1 2; do
    run -0 http /own
    equal "$(seen 1,5 "$output")" "lazily /own"
  done
}

@test "--warm-up: http://host/path says the host, too" {
  start_server --warm-up=http://www.example.org:8000/login?next=/ lazy:app
  run -0 http /own
  equal "$(head -n 1 <<<"$output" | cut -d ' ' -f 3-6)" "GET www.example.org:8000 /login next=/"
}

@test "--warm-up: with --import=worker, each worker has one of its own before anybody asks" {
  start_idle_server --spare=2 --import=worker --warm-up=/login lazy:app
  eventually has_lines 2 "$FIFOS/notes"
  eventually has_workers 2
  equal "$(cut -d ' ' -f 2 "$FIFOS/notes" | sort)" "$(workers)"
  run -0 http /own
  equal "$(seen 1 "$output")" "lazily already"
  equal "$(seen 5 "$output")" "/login /own"
  equal "$(cut -d ' ' -f 2 <<<"$output" | uniq | wc -l)" 1
}

@test "--warm-up: an answer that is an error is logged, and harms nothing else" {
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

@test "--warm-up: a redirection is none" {
  start_server --warm-up=/302 lazy:app
  run -0 http /own
  equal "$(seen 5 "$output")" "/302 /own"
  equal "$(cat "$LOG")" ""
}

@test "--warm-up: a large answer is taken in" {
  for where in server worker; do
    start_server --import="$where" --warm-up=/big lazy:app
    run -0 http /own
    equal "$(seen 5 "$output")" "/big /own"
  done
  equal "$(cat "$LOG")" ""
}

@test "--warm-up: it leaves no process behind" {
  start_idle_server --spare=1 --warm-up=/ hello:app
  # Also no zombie.
  eventually has_workers 1
  equal "$(pgrep -P "$(server)" | wc -l)" 1
}
