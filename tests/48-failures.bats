#!/usr/bin/env bats
# ways: one
# lasts: 40 s
#
# A failing worker affects nothing else; and what happens if the app cannot be imported.

# Each test sets its own TEMPLATE.
# shellcheck disable=SC2030,SC2031
load server

# The sanitizer must let a signal kill the worker, too.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_segv=0:handle_abort=0

EX_SOFTWARE=70
EX_OSERR=71
GET='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
NONSENSE='nonsense\r\n\r\n'

# ---- processes ----

# descendants PID: prints all processes below it, including zombies.
descendants() {
  local child
  for child in $(pgrep -P "$1"); do
    echo "$child"
    descendants "$child"
  done
}

no_zombie() {
  local pids
  pids=$(descendants "$SERVER" | paste -sd,)
  [[ $(ps -o stat= -p "$pids") != *Z* ]]
}

# spares_wait NUMBER: the template has that many children, and all of them sleep.
spares_wait() {
  local states
  states=$(ps -o stat= --ppid "$TEMPLATE" | cut -c1 | tr -d '\n')
  ((${#states} == $1)) && [[ $states != *[!S]* ]]
}

# ---- requests ----

# The server, its template and a held request are unaffected.
nothing_else_is_affected() {
  finishes "the beginning, the end"
  serves_as_before
  serves_as_before
  eventually no_zombie
}

# one_line TARGET PID TEXT: exactly one line of the program is about the request, with the process,
# the text and a duration.
one_line() {
  logged "wsgi-once: GET $1: "
  local line
  line=$(grep -F "wsgi-once: GET $1: " "$LOG")
  equal "$(wc -l <<<"$line")" 1
  [[ " ${line//[^0-9]/ } " == *" $2 "* ]] || equal "$line" "process $2"
  contains "$line" "$3"
  [[ $line =~ [0-9.]+\ ?m?s$ ]] || equal "$line" "a duration at its end"
}

# ---- crashes ----

# crashes PATH TEXT: the client's connection ends without an answer, and the log has the text.
crashes() {
  run -52 http "/$1?q=1"
  one_line "/$1?q=1" "$(pid_of "$1")" "$2"
}

@test "a worker that segfaults, aborts or exits affects nothing else" {
  serve_misbehaving
  hold
  crashes segfaults "signal 11"
  crashes aborts "signal 6"
  crashes exits "status 3"
  crashes exits_quietly "exited with status 0 (os._exit)"
  nothing_else_is_affected
}

# ends DEED[?QUERY] TEXT: the same for a deed with a query.
ends() {
  run -52 http "/$1"
  one_line "/$1" "$(pid_of "${1%%\?*}")" "$2"
}

@test "the log tells apart another program, exit() of C and os._exit as the end of a worker" {
  serve_misbehaving --limit-cpu=1h
  hold
  ends execs "became the program 'sh' (exec), which exited with status 0 after"
  ends "execs?exit%207" "(exec), which exited with status 7 after"
  ends "execs?kill%20-9%20\$\$" "(exec), which was killed by signal 9 (Killed)"
  ends execs_in_a_thread "became the program 'true' (exec), which exited with status 0"
  ends "calls_c_exit?0" "exited with status 0 (exit() of C)"
  ends "calls_c_exit?3" "exited with status 3 (exit() of C)"
  ends renames_itself "exited with status 0 (os._exit)"
  ends child_calls_exit "exited with status 0 (os._exit)"
  ends runs_child "exited with status 0 (os._exit)"
  nothing_else_is_affected
}

@test "the app's own exit is not attributed to limits that were not reached" {
  serve_misbehaving --limit-cpu=0
  hold
  crashes exits_with_tempfail "exited with status 75"
  crashes dies_of_sigxcpu "signal 24"
  nothing_else_is_affected
}

@test "a worker killed from outside affects nothing else" {
  serve_misbehaving
  hold
  http /blocks_signals 3>&- 4>&- &
  local client=$! victim code=0
  victim=$(pid_of blocks_signals)
  kill -KILL "$victim"
  wait "$client" || code=$?
  equal "$code" 52
  one_line /blocks_signals "$victim" "signal 9"
  nothing_else_is_affected
}

@test "a worker that exits in the middle of its answer cuts it off" {
  serve_misbehaving
  hold
  run -18 http /exits_midway
  one_line /exits_midway "$(pid_of exits_midway)" "os._exit"
  nothing_else_is_affected
}

@test "many crashes in a row do not stop the server" {
  serve_misbehaving
  local i
  for i in {1..30}; do
    run -52 http "/segfaults?$i"
  done
  serves_as_before
  logged "GET /segfaults?30: "
  equal "$(grep -c '^wsgi-once: GET /segfaults?' "$LOG")" 30
}

@test "a request target cannot forge a log line" {
  serve_misbehaving
  run talk send 'GET /segfaults?\x1b[31m\xff HTTP/1.1\r\nHost: a\r\n\r\n' read
  run -52 http "/segfaults?$(printf 'x%.0s' {1..2000})"
  logged "wsgi-once: GET /segfaults?xxx"
  run -1 grep -P '[^\x20-\x7e\t]' <(grep '^wsgi-once: ' "$LOG")
  equal "$(http /well)" "$TEMPLATE"
}

@test "spares killed while they wait are replaced" {
  serve_misbehaving --spare=2
  eventually spares_wait 2
  local spares
  mapfile -t spares < <(pgrep -P "$TEMPLATE")
  kill -KILL "${spares[@]}"
  eventually is_gone "${spares[0]}"
  eventually is_gone "${spares[1]}"
  eventually spares_wait 2
  for spare in "${spares[@]}"; do
    logged "$spare was killed by signal 9"
  done
  serves_as_before
}

@test "if the template is killed, the app is imported again, and running requests finish" {
  serve_misbehaving
  hold
  kill -KILL "$TEMPLATE"
  eventually is_gone "$TEMPLATE"
  equal "$(status /well)" 200
  # An old spare may have served that request: then its parent is the server.
  new_template() {
    local parent
    parent=$(http /well)
    [[ $parent != "$TEMPLATE" && $parent != "$SERVER" ]]
  }
  eventually new_template
  logged "$TEMPLATE"
  finishes "the beginning, the end"
  TEMPLATE=$(http /well)
  serves_as_before
  eventually no_zombie
}

# ---- workers that overwrite shared memory ----

# Patterns for overwriting all memory shared with the server. Small numbers are states.
PATTERNS=(00 ff 03 04000000 seed-1 seed-2)

# A daemon thread never gets to release what it owns when the interpreter ends.
ignore_leaks() {
  export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
}

# hold_overwriting PATTERN: holds a request that overwrites the shared memory again and again.
hold_overwriting() {
  mkfifo "$FIFOS/begun" "$FIFOS/end"
  http "/keeps_overwriting?$1" >"$BATS_TEST_TMPDIR/held" 2>/dev/null 3>&- &
  read -rt "$PATIENCE" WORKER <>"$FIFOS/begun"
}

@test "a worker that overwrites shared memory does not prevent requests, reload and stop" {
  local pattern
  ignore_leaks
  for pattern in "${PATTERNS[@]}"; do
    : >"$LOG"
    rm -f "$FIFOS/begun" "$FIFOS/end"
    serve_misbehaving --spare=3 --request-timeout=1min --stop-timeout=50ms --access-log=stderr
    equal "$(http "/overwrites?$pattern")" True
    equal "$(http /well)" "$TEMPLATE"
    run -52 http "/overwrites_and_dies?$pattern"
    hold_overwriting "$pattern"
    for _ in {1..6}; do
      equal "$(http /well)" "$TEMPLATE"
    done
    kill -HUP "$SERVER"
    eventually has_other_template
    equal "$(grep -c '"GET /well HTTP/1.1" 200' "$LOG")" "$(grep -c '"GET /well' "$LOG")"
    kill "$SERVER"
    equal "$(exit_status)" 0
    is_gone "$WORKER"
    equal "$(processes)" ""
    not_logged "spare worker"
    not_logged "cannot reload"
  done
}

has_other_template() {
  local now
  now=$(http /well)
  [[ $now != "$TEMPLATE" ]] && is_gone "$TEMPLATE"
}

@test "a worker that overwrites shared memory does not prevent the idle server from exiting" {
  local pattern
  ignore_leaks
  for pattern in "${PATTERNS[@]}"; do
    rm -f "$FIFOS/begun" "$FIFOS/end"
    serve --idle-timeout=1ms --spare=3 misbehaves:app
    hold_overwriting "$pattern"
    find_server
    http /well
    equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
    # shellcheck disable=SC2016 # expanded by the other shell
    timeout "$PATIENCE" sh -c ': >"$FIFOS/end"'
    equal "$(exit_status)" 0
  done
}

# ---- --request-timeout ----

# exceeds_timeout PATH STATUS: a request that hangs is answered with this status (000: not at all),
# killed, and logged; nothing else is affected.
exceeds_timeout() {
  serve_misbehaving --request-timeout=2s --linger-timeout=100ms
  local path=$1 begin
  begin=$(status "/$path?q=1") || :
  equal "$begin" "$2"
  local worker
  worker=$(pid_of "$path")
  eventually is_gone "$worker"
  logged "GET /$path?q=1: worker $worker"
  contains "$(grep -F "GET /$path?q=1: worker $worker" "$LOG")" "--request-timeout"
  serves_as_before
  eventually no_zombie
}

@test "--request-timeout: an app that loops in C is killed and the client gets 504" {
  exceeds_timeout loops_in_c 504
  logged "in loops_in_c"
}

@test "--request-timeout: an app that hangs is killed with its children" {
  exceeds_timeout hangs_with_child 504
  logged "in hangs_with_child"
  eventually is_gone "$(pid_of child)"
}

@test "--request-timeout: the server kills an app that blocks all signals" {
  exceeds_timeout blocks_signals 000
}

@test "--request-timeout: a worker that left its process group and blocks all signals is killed" {
  exceeds_timeout leaves_group 000
  run ! is_gone "$(pid_of child)" # it has its own process group
}

@test "--request-timeout: the server kills an app that stops itself and logs it once" {
  exceeds_timeout is_stopped 000
  equal "$(grep -c "did not exit after --request-timeout" "$LOG")" 1
}

@test "--request-timeout: the log shows the traceback of all Python threads" {
  serve --idle-timeout=0 --request-timeout=1s hangs:with_thread
  equal "$(status /)" 504
  logged "in with_thread"
  logged "in in_background"
  logged "GET /: worker "
  contains "$(grep -F "GET /: worker " "$LOG")" "--request-timeout"
}

# The timeout is that of one request: the other one starts later.
@test "--request-timeout: other requests are unaffected" {
  serve_misbehaving --request-timeout=3s
  http /loops_in_c 3>&- 4>&- >/dev/null &
  local client=$! worker
  worker=$(pid_of loops_in_c)
  hold
  equal "$(http /well)" "$TEMPLATE"
  finishes "the beginning, the end"
  wait "$client"
  eventually is_gone "$worker"
  serves_as_before
}

# ---- what a request leaves behind ----

@test "a child left in the request's process group is killed when the request ends" {
  serve_misbehaving
  hold
  equal "$(http /leaves_child)" left
  eventually is_gone "$(pid_of leaves_child)"
  eventually is_gone "$(pid_of child)"
  nothing_else_is_affected
}

@test "a child of a killed worker is killed" {
  serve_misbehaving
  hold
  run -52 http /dies_with_child
  one_line /dies_with_child "$(pid_of dies_with_child)" "signal 9"
  eventually is_gone "$(pid_of child)"
  nothing_else_is_affected
}

# memory_is_removed NUMBER: the shared memory of that many requests is removed. The test removes it
# if nobody else has.
memory_is_removed() {
  local names
  mapfile -t names < <(sed -n 's|^shares |/dev/shm/|p' "$LOG")
  equal "${#names[@]}" "$1" && eventually none_exists "${names[@]}" && return
  rm -f "${names[@]}"
  return 1
}

none_exists() {
  [[ -z $(ls "$@" 2>/dev/null) ]]
}

@test "a process that cleans up after a request gets the time for it however the request ends" {
  serve_on --request-timeout=2s --linger-timeout=100ms shares_memory:app
  http "/?blocks_signals" 3>&- 4>&- &
  local client=$!
  run -52 http "/?dies"
  equal "$(http /)" shared
  equal "$(status "/?hangs")" 504
  wait "$client" || :
  memory_is_removed 5 # including the request of serve_on
}

@test "a process that cleans up after an import gets the time for it" {
  serve --idle-timeout=1ms shares_at_import:app
  equal "$(http /)" Hello.
  equal "$(exit_status)" 0
  memory_is_removed 1
}

@test "a leftover process that ignores SIGTERM does not delay the next request" {
  mkfifo "$FIFOS/release"
  serve_misbehaving --max-workers=1 --leftover-timeout=0
  local child
  equal "$(http /leaves_stubborn_child)" left
  child=$(pid_of child)
  serves_as_before
  run -1 is_gone "$child"
  write_fifo "$FIFOS/release"
  eventually is_gone "$child"
  not_logged "left running"
}

@test "a leftover process is killed after --leftover-timeout even if the template has exited" {
  mkfifo "$FIFOS/release"
  serve_misbehaving --leftover-timeout=1s
  equal "$(http /leaves_stubborn_child)" left
  equal "$(http /leaves_stubborn_child)" left
  local child worker
  child=$(pid_of child)
  worker=$(pid_of leaves_stubborn_child)
  kill -KILL "$TEMPLATE"
  logged "killed the processes left running by process $worker "
  eventually is_gone "$child"
  equal "$(grep -c "killed the processes left running" "$LOG")" 2
}

@test "a leftover process keeps an idle server running, which serves new clients" {
  mkfifo "$FIFOS/release"
  serve --idle-timeout=1ms --leftover-timeout=0 misbehaves:app
  equal "$(http /leaves_stubborn_child)" left
  find_server
  run_short_servers 3
  http /well
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  write_fifo "$FIFOS/release"
  equal "$(exit_status)" 0
}

@test "a process in its own session keeps running and does not become a zombie" {
  serve_misbehaving
  equal "$(http /leaves_session)" left
  local child
  child=$(pid_of child)
  eventually is_gone "$(pid_of leaves_session)"
  equal "$(http /well)" "$TEMPLATE"
  equal "$(ps -o comm= -p "$child")" sleep
  kill -KILL "$child"
  eventually is_gone "$child"
  serves_as_before
}

# ---- imports that fail ----

# Makes imports wait at the gate until a byte is written to it.
shut_gate() {
  [[ -z ${GATE:-} ]] || exec {GATE}>&-
  rm -f "$FIFOS/gate"
  mkfifo "$FIFOS/gate"
  exec {GATE}<>"$FIFOS/gate"
}

# package FILE: writes a module of the package `late` from standard input. The package waits at the
# gate before any of its modules is imported.
package() {
  mkdir "$FIFOS/late"
  shut_gate
  cat >"$FIFOS/late/__init__.py" <<END
import os
with open("$FIFOS/gate", "rb", 0) as gate:
    gate.read(1)
END
  cat >"$FIFOS/late/$1"
}

# start_client NUMBER REQUEST: starts a client that sends its request; the answer goes to a file.
start_client() {
  mkfifo "$FIFOS/client-$1"
  talk send "$2" meet "$FIFOS/client-$1" read >"$FIFOS/answer-$1" 3>&- 4>&- &
  CLIENTS[$1]=$!
}

# Starts clients while the app is being imported; the fourth sends an invalid request.
queue_clients() {
  local i
  CLIENTS=()
  rm -f "$FIFOS"/client-*
  for i in {1..6}; do
    start_client "$i" "$( ((i == 4)) && printf %s "$NONSENSE" || printf %s "$GET")"
  done
  for i in {1..6}; do
    read_fifo "$FIFOS/client-$i"
  done
}

queued_clients_were_answered() {
  local i
  for i in {1..6}; do
    wait "${CLIENTS[i]}"
    contains "$(cat "$FIFOS/answer-$i")" "HTTP/1.1 $( ((i == 4)) && echo 400 || echo 500) "
  done
}

no_server() {
  ! pgrep -P "$ACTIVATOR" >/dev/null
}

# fails MODULE [TEXT]...: with each value of --import, all waiting clients are answered, and each
# server that tried exits with a failure. Then the file is fixed and the next server serves it.
fails() {
  local where module=$1
  shift
  cp "$FIFOS/late/$module.py" "$FIFOS/broken" 2>/dev/null || :
  for where in server worker; do
    : >"$LOG"
    : >"$STATUSES"
    shut_gate
    rm -f "$FIFOS/late/$module.py"
    [[ ! -e $FIFOS/broken ]] || cp "$FIFOS/broken" "$FIFOS/late/$module.py"
    serve --python-path="$FIFOS" --import=$where --import-timeout="${IMPORT_TIMEOUT:-5min}" \
      "late.$module:app"
    queue_clients
    printf '%99s' "" >&"$GATE"
    queued_clients_were_answered
    eventually no_server
    equal "$where $(sort -u "$STATUSES")" "$where $EX_SOFTWARE"
    local text
    for text; do
      logged "$text"
    done
    cp "$APPS/hello.py" "$FIFOS/late/$module.py"
    equal "$(http /)" "Hello."
    eventually no_server
    equal "$where $(tail -n1 "$STATUSES")" "$where 0"
  done
}

# The service manager gives up on a unit that fails too often: one attempt must serve all clients.
@test "one server answers all waiting clients if the app cannot be imported" {
  package raising.py <<<'raise RuntimeError("no database")'
  local i
  for i in {1..5}; do
    shut_gate
    serve --python-path="$FIFOS" --max-workers=4 late.raising:app
    queue_clients
    printf '%99s' "" >&"$GATE"
    queued_clients_were_answered
    eventually no_server
    equal "$(cat "$STATUSES")" "$EX_SOFTWARE"
    : >"$STATUSES"
  done
}

@test "a missing module: all waiting clients get 500, and the next connection tries again" {
  package other.py <<<""
  fails missing "late.missing" "GET /: answered 500"
}

@test "a syntax error: all waiting clients get 500, and the next connection tries again" {
  package broken.py <<<'def app(:'
  fails broken SyntaxError "broken.py"
}

@test "an exception at import: all waiting clients get 500, and the next connection tries again" {
  package raising.py <<<'raise RuntimeError("no database")'
  fails raising Traceback "RuntimeError: no database"
}

@test "an import that segfaults: all waiting clients get 500, and the next connection tries again" {
  package crashing.py <<<'import ctypes; ctypes.string_at(0)'
  fails crashing "signal 11"
}

@test "os._exit(0) at import: all waiting clients get 500, and the next connection tries again" {
  package leaving.py <<<'os = __import__("os"); os._exit(0)'
  fails leaving
}

@test "os._exit(3) at import: all waiting clients get 500, and the next connection tries again" {
  package leaving.py <<<'os = __import__("os"); os._exit(3)'
  fails leaving "exited with status 3"
}

@test "an import that execs: all waiting clients get 500, and the next connection tries again" {
  package becoming.py <<<'os = __import__("os"); os.execv("/bin/sh", ["sh", "-c", "exit 70"])'
  fails becoming "became the program 'sh' (exec), which exited with status 70"
}

@test "an os.register_at_fork hook that ends spares is logged, and the client gets 500" {
  printf '%s\n' "import os" "os.register_at_fork(after_in_child=lambda: os._exit(0))" \
    >"$FIFOS/hooked.py"
  serve "$FIFOS/hooked.py:os.getpid"
  contains "$(http /)" "500 "
  logged "spare worker"
  logged "exited with status 0 (os._exit)"
  equal "$(exit_status)" "$EX_SOFTWARE"
}

@test "sys.exit() at import: all waiting clients get 500, and the next connection tries again" {
  package exiting.py <<<'import sys; sys.exit()'
  fails exiting SystemExit
}

@test "sys.exit(0) at import: all waiting clients get 500, and the next connection tries again" {
  package exiting.py <<<'import sys; sys.exit(0)'
  fails exiting SystemExit
}

@test "--import-timeout: all waiting clients get 500, and the tracebacks are logged" {
  package hanging.py <<'END'
import threading, time

def hang_here():
    time.sleep(3600)

def hang_there():
    time.sleep(3600)

threading.Thread(target=hang_there, daemon=True).start()
hang_here()
END
  IMPORT_TIMEOUT=2s fails hanging "--import-timeout" "in hang_here" "in hang_there"
}

# Each worker has its own deadline: the template must notice one that passes while it handles
# another.
@test "many workers whose imports hang are killed by --import-timeout" {
  local i
  for i in {1..3}; do
    serve --import=worker --spare=24 --max-workers=24 --import-timeout=200ms hangs_at_import:app
    equal "$(status /)" 500
    eventually no_server
    equal "$(cat "$STATUSES")" "$EX_SOFTWARE"
    : >"$STATUSES"
  done
}

# under COMMAND...: from now on, the program runs under this command, in the process that LISTEN_PID
# names.
under() {
  UNWRAPPED=${UNWRAPPED:-$PROGRAM}
  PROGRAM=$BATS_TEST_TMPDIR/wrapped
  {
    echo '#!/bin/sh'
    printf 'exec %s "$@"\n' "$(printf '%q ' "$@" "$UNWRAPPED")"
  } >"$PROGRAM"
  chmod +x "$PROGRAM"
}

# cannot_start TEXT: a server that cannot start runs once for its client, which gets 500.
cannot_start() {
  : >"$LOG"
  : >"$STATUSES"
  serve hello:app
  run -0 http / --head
  equal "${lines[0]%$'\r'}" "HTTP/1.1 500 Internal Server Error"
  logged "$1"
  eventually no_server
  equal "$(cat "$STATUSES")" "$EX_OSERR"
}

# 5 are needed by the dynamic linker; with 9 of them the app is served.
@test "a server without descriptors for itself answers waiting clients with 500" {
  local number
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  for number in 5 6 7 8; do
    under prlimit --nofile="$number:$number"
    cannot_start "Too many open files"
  done
}

@test "a server that cannot fork answers waiting clients with 500" {
  # Leak detection is off because it needs ptrace(2), which strace uses.
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  under strace -D -f -o "$BATS_TEST_TMPDIR/trace" -e inject=clone,clone3,fork,vfork:error=EAGAIN
  cannot_start "cannot start the server: Resource temporarily unavailable"
}

@test "a server that cannot start answers waiting clients with 500 as soon as it can accept" {
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  under strace -D -f -o "$BATS_TEST_TMPDIR/trace" -e inject=signalfd4:error=EMFILE \
    -e inject=accept4:error=ENFILE:when=1..2
  cannot_start "cannot start the server: Too many open files"
}

@test "an import that closes the server's descriptors ends with a failure" {
  serve closes_descriptors:app
  equal "$(status /)" 500
  equal "$(exit_status)" "$EX_SOFTWARE"
  eventually no_server
}

# ---- access records ----

# recorded N TEXT: there are N access records, and the last contains the text.
recorded() {
  eventually has_records "$1" && contains "$(records | tail -n1)" "$2"
}

records() {
  grep ' - - \[' "$LOG"
}

has_records() {
  (($(records | wc -l) == $1))
}

@test "the server records a request whose worker dies, without a status" {
  serve_misbehaving --access-log=stderr
  recorded 1 '"GET /well HTTP/1.1" 200 '
  run http /exits
  recorded 2 '"GET /exits" - - "-" "-"'
  run http /dies_with_child
  recorded 3 '"GET /dies_with_child" - - "-" "-"'
  run http /exits_midway
  recorded 4 '"GET /exits_midway" - - "-" "-"'
  # If the worker records the request itself, the server does not.
  http /reads
  eventually is_gone "$(pid_of reads)"
  eventually no_zombie
  recorded 5 '"GET /reads HTTP/1.1" 200 2 '
}

# ---- standard error that nobody reads ----

# serve_unread [OPTION]... APPLICATION: standard output and error are a pipe that stays full until
# `drain_pipe` is called. The pipe is descriptor 4, which `serve` closes for the program.
serve_unread() {
  local unread=$BATS_TEST_TMPDIR/unread
  [[ -p $unread ]] || mkfifo "$unread"
  exec 4<>"$unread"
  dd if=/dev/zero of="$unread" bs=4096 oflag=nonblock status=none 2>/dev/null || :
  LOG=$unread serve "$@"
}

# Prints what is in the pipe now.
drain_pipe() {
  dd <&4 bs=65536 iflag=nonblock status=none 2>/dev/null | tr -d '\0' || :
}

# Each of these requests logs something; none may wait for long.
@test "a full pipe as standard error stops neither requests nor the server" {
  serve_unread --idle-timeout=0 --access-log=stderr --spare=1 --max-workers=2 misbehaves:app
  TEMPLATE=$(http /well)
  find_server
  local n
  for n in 1 2 3; do
    equal "$(status /there_is_no_such_function)" 500
    run -52 http "/dies_silently?$n"
    equal "$(status /%zz)" 400
    equal "$(http /well)" "$TEMPLATE"
  done
  kill -KILL "$TEMPLATE"
  eventually is_gone "$TEMPLATE"
  [[ $(http /well) != "$TEMPLATE" ]]
  kill -TERM "$SERVER"
  eventually no_server
  equal "$(cat "$STATUSES")" 0
  eventually none_is_left
}

@test "a full pipe as standard error: messages logged after there is room again are read" {
  serve_unread --idle-timeout=0 --access-log=stderr misbehaves:app
  run -52 http /dies_silently
  drain_pipe >"$BATS_TEST_TMPDIR/before"
  logs_again() {
    run http /dies_silently
    drain_pipe | grep -q 'wsgi-once: GET /dies_silently: worker [0-9]* was killed by signal 9'
  }
  eventually logs_again
}

# So that its slot is free for the next worker, and the unit's stop is not delayed.
@test "a full pipe as standard error and output does not delay the exit of a worker" {
  for WAY in accept server; do
    serve_unread --request-timeout=0 no_newline:app
    equal "$(http /)" answered
    equal "$(exit_status)" 0
  done
}

@test "a full pipe as standard output does not delay the exit through buffers of the C library" {
  WAY=accept serve_unread --request-timeout=0 --import=worker buffers_in_request:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
}

@test "a full pipe as standard error: --request-timeout answers the client and kills the request" {
  for WAY in accept server; do
    serve_unread --request-timeout=300ms hangs:in_sleep
    equal "$(status /)" 504
    eventually has_status 1
    equal "$WAY $(exit_status)" "$WAY $( [[ $WAY == accept ]] && echo 75 || echo 0)"
  done
}

@test "a full pipe as standard error: failed imports and wrong options are answered 500" {
  for WAY in accept server; do
    serve_unread there_is_no:app
    equal "$(status /)" 500
    equal "$(exit_status)" "$EX_SOFTWARE"
    serve_unread --nonsense hello:app
    equal "$(status /)" 500
    equal "$(exit_status)" 64
  done
}
