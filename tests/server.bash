# shellcheck shell=bash
# Helpers of the suites about the server: its processes, and a request that lasts as long as a test
# wants (tests/apps/holds.py).

load helpers

export WAY=server
export FAMILY=${FAMILY:-unix}

teardown() {
  local pid
  stop
  # The server has exited in any case; other processes of a failed test may hang.
  for pid in $(processes_of_test); do
    kill -KILL "$pid" 2>/dev/null || :
  done
  check_log
}

# Prints the pids of all processes started by this test: each test has its own FIFOS directory.
processes_of_test() {
  grep -lsxzF "FIFOS=$FIFOS" /proc/[0-9]*/environ | cut -d/ -f3
}

# Prints the pids of the program's processes: servers, templates, spares and workers.
processes() {
  local pid
  for pid in $(processes_of_test); do
    [[ ! /proc/$pid/exe -ef $PROGRAM ]] || echo "$pid"
  done
}

# are_left PID...: these are the only processes of the program.
are_left() {
  [[ $(processes | sort) == $(printf '%s\n' "$@" | sort) ]]
}

none_is_left() {
  [[ -z $(processes) ]]
}

has_processes() {
  (($(processes | wc -l) == $1))
}

# is_gone PID: the process has ended, even if it is still a zombie.
is_gone() {
  local state
  state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || :
  [[ -z $state || $state == [XZ] ]]
}

# Sets SERVER. A server must be running, because a request was answered or is held.
find_server() {
  eventually finds_server
}

finds_server() {
  SERVER=$(pgrep -P "$ACTIVATOR")
  [[ $SERVER =~ ^[0-9]+$ ]]
}

# serve_on OPTION... APPLICATION: like serve, but the server does not exit when idle. SERVER is its
# pid.
serve_on() {
  WORKER=
  serve --idle-timeout=0 "$@"
  http / >"$BATS_TEST_TMPDIR/first"
  find_server
}

# Prints the children of the server except the worker of the held request: a single template.
template() {
  pgrep -P "$SERVER" | grep -vx "${WORKER:-none}"
}

# hold [QUERY]: starts a request that lasts until `finishes` releases it. WORKER is its process,
# CHILD a child of that if the query asks for one.
hold() {
  [[ -p $FIFOS/begun ]] || mkfifo "$FIFOS/begun" "$FIFOS/end"
  http "/hold${1-}" --no-buffer >"$BATS_TEST_TMPDIR/held" 2>/dev/null 3>&- &
  HOLDING=$!
  # shellcheck disable=SC2034 # for the tests
  read -rt "$PATIENCE" WORKER CHILD <>"$FIFOS/begun"
}

# finishes ANSWER: releases the held request and checks its content.
finishes() {
  # shellcheck disable=SC2016 # expanded by the other shell
  timeout "$PATIENCE" sh -c ': >"$FIFOS/end"'
  wait "$HOLDING"
  equal "$(cat "$BATS_TEST_TMPDIR/held")" "$1"
}

# pid_of WHAT: prints the pid of the process that logs "WHAT in PID".
pid_of() {
  logged "$1 in " >&2 || return
  sed -n "s/^$1 in \([0-9]*\)\$/\1/p" "$LOG" | tail -n1
}

# serve_misbehaving [OPTION]...: starts a server of misbehaves.py that does not exit when idle. Sets
# SERVER and TEMPLATE.
serve_misbehaving() {
  serve --idle-timeout=0 "$@" misbehaves:app
  TEMPLATE=$(http /well)
  find_server
}

serves_as_before() {
  equal "$(http /well)" "$TEMPLATE" && equal "$(pgrep -P "$ACTIVATOR")" "$SERVER" &&
    equal "$(cat "$STATUSES")" ""
}

# run_short_servers N: runs N servers of another socket one after the other; each serves a request
# and exits when idle. It gives a test time to see that something does not happen.
run_short_servers() {
  (
    ACTIVATOR=
    STATUSES=$BATS_TEST_TMPDIR/others
    : >"$STATUSES"
    trap stop EXIT
    serve --idle-timeout=1ms hello:app 2>/dev/null
    for ((n = 1; n <= $1; n++)); do
      [[ $(http /) == Hello. ]] || exit
      eventually has_status "$n" || exit
    done
  )
}
