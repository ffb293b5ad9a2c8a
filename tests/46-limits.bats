#!/usr/bin/env bats
# ways: load
# lasts: 20 s
#
# What a request may consume, --limit-..., and clients that are slow, silent or disconnect.

# Each test sets its own TEMPLATE.
# shellcheck disable=SC2030,SC2031
load server

NOBODY=64123 # a uid that no user of this machine has

# logs_end PATH TEXT: the program has logged the end of the request once, with process and text.
logs_end() {
  logged "wsgi-once: GET /$1: "
  local line
  line=$(grep -F "wsgi-once: GET /$1: " "$LOG")
  equal "$(wc -l <<<"$line")" 1
  contains "$line" " $(pid_of "$1") "
  contains "$line" "$2"
}

# ---- resources ----

@test "if limits cannot be set, the client gets 500 and the app does not run" {
  # Leak detection is off because it needs ptrace(2), which strace uses.
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  printf '#!/bin/sh\nexec strace -D -f -o "%s" -e inject=prlimit64:error=EPERM "%s" "$@"\n' \
    "$BATS_TEST_TMPDIR/trace" "$PROGRAM" >"$BATS_TEST_TMPDIR/traced"
  chmod +x "$BATS_TEST_TMPDIR/traced"
  PROGRAM=$BATS_TEST_TMPDIR/traced serve --limit-files=64 hello:app
  equal "$(http /)" "500 Internal Server Error"
  logged "cannot set --limit-files: Operation not permitted"
}

@test "--limit-cpu: a request that exceeds it is killed" {
  serve_misbehaving --limit-cpu=1s
  hold
  run -52 http /burns
  logs_end burns --limit-cpu
  finishes "the beginning, the end"
  serves_as_before
}

@test "--limit-cpu: a request that ignores SIGXCPU is killed" {
  serve_misbehaving --limit-cpu=1s
  run -52 http /burns_ignoring_signal
  logged "wsgi-once: GET /burns_ignoring_signal: "
  contains "$(grep -F "GET /burns_ignoring_signal: " "$LOG")" "$(pid_of burns)"
  serves_as_before
}

@test "--limit-cpu: neither waiting nor other requests count" {
  serve_misbehaving --limit-cpu=1s --spare=1
  hold
  run -52 http /burns
  run -52 http /burns
  finishes "the beginning, the end"
  serves_as_before
}

@test "--limit-memory: Python raises MemoryError, and the client gets 500" {
  serve_misbehaving --limit-memory=256M
  hold
  equal "$(status /eats)" 500
  logged MemoryError
  finishes "the beginning, the end"
  serves_as_before
}

@test "without --limit-memory, the app can allocate more" {
  serve_misbehaving
  equal "$(http /eats_in_c)" "all was there"
}

@test "--limit-memory: a library that crashes without memory affects only its request" {
  serve_misbehaving --limit-memory=256M
  hold
  run -52 http /eats_in_c
  logs_end eats_in_c "signal 11"
  finishes "the beginning, the end"
  serves_as_before
}

@test "--limit-files: the app gets an error when it opens more" {
  serve_misbehaving --limit-files=30
  hold
  equal "$(http /opens)" "True OSError 24" # EMFILE
  finishes "the beginning, the end"
  serves_as_before
  run -1 grep '^wsgi-once: ' "$LOG"
}

# The fork bomb stops at 64 processes by itself.
@test "--limit-processes: a fork bomb is limited and ends with its request" {
  ((EUID == 0)) || skip "only root can become a user without other processes"
  # The other user needs access to the program, the apps and the fifos.
  chmod a+x "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
  chmod a+rwx "$BATS_TEST_TMPDIR"
  cp -r "$APPS" "$BATS_TEST_TMPDIR/apps"
  cp "$PROGRAM" "$PROGRAM.so" "$BATS_TEST_TMPDIR"
  chmod -R a+rX "$BATS_TEST_TMPDIR"/{apps,wsgi-once,wsgi-once.so}
  local APPS=$BATS_TEST_TMPDIR/apps PROGRAM=$BATS_TEST_TMPDIR/as-nobody
  cat >"$PROGRAM" <<END
#!/bin/sh
exec setpriv --reuid=$NOBODY --regid=$NOBODY --clear-groups $BATS_TEST_TMPDIR/wsgi-once "\$@"
END
  chmod a+rx "$PROGRAM"
  mkfifo "$FIFOS/begun" "$FIFOS/end"
  chmod a+rw "$FIFOS/begun" "$FIFOS/end"
  local BEGUN
  exec {BEGUN}<>"$FIFOS/begun"
  serve_misbehaving --limit-processes=20
  equal "$(ps -o uid= -p "$SERVER" | tr -d ' ')" "$NOBODY"
  http /multiplies >"$FIFOS/bomb" 3>&- 4>&- &
  local client=$! bomb
  bomb=$(pid_of multiplies)
  logged "stopped by BlockingIOError"
  # The server may fork more workers meanwhile; the limit does not apply to it.
  serves_as_before
  local count
  count=$(pgrep -c -g "$bomb")
  ((count > 5 && count <= 20)) || equal "$count" "between 6 and 20"
  timeout "$PATIENCE" tee "$FIFOS/end" <<<"" >/dev/null
  wait "$client"
  exec {BEGUN}>&-
  equal "$(cat "$FIFOS/bomb")" "the beginning, the end"
  bomb_is_gone() {
    ! pgrep -g "$bomb" >/dev/null
  }
  eventually bomb_is_gone
  serves_as_before
}

@test "limits apply to the app, not to the server" {
  serve_misbehaving --limit-cpu=7s --limit-memory=512M --limit-files=77 --limit-processes=555
  # Whole seconds, plus what was used before the request.
  [[ $(http /reports_limits) =~ ^[78]\ 536870912\ 77\ 555$ ]]
  local process
  for process in "$SERVER" "$TEMPLATE"; do
    equal "$(limits_of "$process")" "$(limits_of $$)"
  done
}

# limits_of PID: prints the soft limits.
limits_of() {
  sed -nE 's/^Max (cpu time|data size|open files|processes) +([^ ]+) .*/\1: \2/p' "/proc/$1/limits"
}

@test "a limit of 0 and a missing limit mean no limit" {
  serve_misbehaving --limit-cpu=0 --limit-memory=0 --limit-files=0 --limit-processes=0
  local none
  none=$(http /reports_limits)
  serve_misbehaving
  equal "$(http /reports_limits)" "$none"
  [[ $none == "$(soft cpu) $(soft memory) $(soft files) $(soft processes)" ]]
}

# soft RESOURCE: prints the soft limit of this shell in Python's format.
soft() {
  python3 -ISc 'import resource, sys
kind = {"cpu": "CPU", "memory": "DATA", "files": "NOFILE", "processes": "NPROC"}[sys.argv[1]]
print(resource.getrlimit(getattr(resource, "RLIMIT_" + kind))[0])' "$1"
}

@test "a limit above the hard limit of the process is reduced to that" {
  (
    ulimit -n 200
    serve_misbehaving --limit-files=100000
    [[ $(http /reports_limits) == *" 200 "* ]]
    stop
  )
}

@test "limits apply with Accept=yes as well" {
  WAY=accept serve --limit-memory=256M --limit-files=77 misbehaves:app
  [[ $(http /reports_limits) =~ \ 268435456\ 77\  ]]
  equal "$(status /eats)" 500
  logged MemoryError
}

# ---- clients ----

# client NAME STEP...: starts a client in the background, with its conversation in a file.
client() {
  local name=$1
  shift
  talk "$@" >"$FIFOS/$name.out" 3>&- 4>&- &
  CLIENTS+=($!)
}

# met NAME: waits for a client's `meet` at the fifo. Each fifo serves one meeting, because a late
# reader would get the next one.
met() {
  read_fifo "$FIFOS/$1"
}

@test "clients that send one byte at a time delay nobody else" {
  CLIENTS=()
  serve_misbehaving --max-workers=4
  local steps name byte meeting
  for name in one two three; do
    steps=()
    meeting=0
    for byte in G E T ' ' / w e l l ' ' H T T P / 1 . 0 '\r' '\n' '\r' '\n'; do
      steps+=(send "$byte")
      [[ $byte != [/T] ]] || steps+=(nothing meet "$FIFOS/$name-$((++meeting))")
    done
    for ((; meeting > 0; meeting--)); do
      mkfifo "$FIFOS/$name-$meeting"
    done
    client "$name" "${steps[@]}" read
  done
  # At each T and each slash.
  for meeting in {1..5}; do
    for name in one two three; do
      met "$name-$meeting"
    done
    serves_as_before
  done
  wait "${CLIENTS[@]}"
  for name in one two three; do
    contains "$(cat "$FIFOS/$name.out")" "HTTP/1.1 200 "
  done
}

@test "silent clients delay nobody as long as there are fewer of them than workers" {
  CLIENTS=()
  serve_misbehaving --max-workers=4 --head-timeout=0
  local name
  for name in one two three; do
    mkfifo "$FIFOS/silent-$name"
    client "silent-$name" meet "$FIFOS/silent-$name" read
    met "silent-$name"
  done
  serves_as_before
  serves_as_before
  serves_as_before
}

@test "with as many silent clients as workers, the next client waits for --head-timeout" {
  CLIENTS=()
  serve_misbehaving --max-workers=2 --head-timeout=300ms
  local name
  for name in one two three; do
    mkfifo "$FIFOS/silent-$name"
    client "silent-$name" meet "$FIFOS/silent-$name" read
    met "silent-$name"
  done
  serves_as_before
  for name in 0 1 2; do
    wait "${CLIENTS[name]}" # closed in an orderly way
  done
  equal "$(cat "$FIFOS"/silent-*.out)" ""
  equal "$(grep -c '^wsgi-once: ' "$LOG")" 0
}

# spares_wait: the template has two spares, which sleep, and no other child.
spares_wait() {
  [[ $(ps -o stat= --ppid "$TEMPLATE" | cut -c1 | tr -d '\n') == SS ]]
}

@test "clients that disconnect at any moment are forgotten" {
  local request='POST /reads HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n' i family
  for family in unix tcp; do
    FAMILY=$family serve_misbehaving --head-timeout=0 --read-timeout=0 --write-timeout=0 \
      --request-timeout=0
    eventually spares_wait
    for i in 0 1 17 "${#request}"; do
      # Not in the middle of an escape.
      [[ ${request:0:i} != *\\ ]]
      run talk send "${request:0:i}" reset
      run talk send "${request:0:i}" end reset
    done
    run talk send "${request}hello" reset
    run talk send 'GET /sends_forever HTTP/1.1\r\nHost: a\r\n\r\n' expect '200 OK' reset
    eventually spares_wait
    serves_as_before
  done
}

# ---- endurance ----

@test "a thousand requests leak nothing" {
  "$TESTS/endurance" 1000
}
