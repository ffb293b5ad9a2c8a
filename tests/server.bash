# shellcheck shell=bash
# What the suites of the server share, beyond helpers.bash: its processes, and a request that lasts
# as long as the test wants (tests/apps/holds.py).

load helpers

export WAY=server
export FAMILY=${FAMILY:-unix}

teardown() {
  local pid
  stop
  # The server has left, whatever became of the others; those of a failed test may hang.
  for pid in $(relatives); do
    kill -KILL "$pid" 2>/dev/null || :
  done
  judge_log
}

# Prints the pids of all that was started by this test: FIFOS is a directory of its own.
relatives() {
  grep -lsxzF "FIFOS=$FIFOS" /proc/[0-9]*/environ | cut -d/ -f3
}

# Prints the pids of the program's processes: of servers, templates, spares and workers.
processes() {
  local pid
  for pid in $(relatives); do
    [[ ! /proc/$pid/exe -ef $PROGRAM ]] || echo "$pid"
  done
}

# are_left PID...: no other processes of the program are there, and these are.
are_left() {
  [[ $(processes | sort) == $(printf '%s\n' "$@" | sort) ]]
}

none_is_left() {
  [[ -z $(processes) ]]
}

has_processes() {
  (($(processes | wc -l) == $1))
}

# is_gone PID: it has ended, though nobody may have asked for its status.
is_gone() {
  local state
  state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || :
  [[ -z $state || $state == [XZ] ]]
}

# Sets SERVER. One has to be running: a request was answered, or is held.
find_server() {
  eventually finds_server
}

finds_server() {
  SERVER=$(pgrep -P "$ACTIVATOR")
  [[ $SERVER =~ ^[0-9]+$ ]]
}

# serve_on OPTION... APPLICATION: like serve, but it does not end before it is told to. SERVER is
# its pid.
serve_on() {
  WORKER=
  serve --idle-timeout=0 "$@"
  http / >"$BATS_TEST_TMPDIR/first"
  find_server
}

# Prints the children of the server, which are one template, but for the request that is held.
template() {
  pgrep -P "$SERVER" | grep -vx "${WORKER:-none}"
}

# hold [QUERY]: begins a request that lasts until `finishes` lets it go. WORKER is its process,
# CHILD a child of that if the query asks for one.
hold() {
  [[ -p $FIFOS/begun ]] || mkfifo "$FIFOS/begun" "$FIFOS/end"
  http "/hold${1-}" --no-buffer >"$BATS_TEST_TMPDIR/held" 2>/dev/null 3>&- &
  HOLDING=$!
  # shellcheck disable=SC2034 # for the tests
  read -rt 20 WORKER CHILD <>"$FIFOS/begun"
}

# finishes ANSWER: lets that request go on, and gets this content.
finishes() {
  # shellcheck disable=SC2016 # it is for the other shell
  timeout 20 sh -c ': >"$FIFOS/end"'
  wait "$HOLDING"
  equal "$(cat "$BATS_TEST_TMPDIR/held")" "$1"
}

# pid_of WHAT: the process that says in the log what it does.
pid_of() {
  logged "$1 in " >&2 || return
  sed -n "s/^$1 in \([0-9]*\)\$/\1/p" "$LOG" | tail -n1
}

# A server of misbehaving requests that stays, with its SERVER and TEMPLATE.
serve_misbehaving() {
  serve --idle-timeout=0 "$@" misbehaves:app
  TEMPLATE=$(http /well)
  find_server
}

serves_as_before() {
  equal "$(http /well)" "$TEMPLATE" && equal "$(pgrep -P "$ACTIVATOR")" "$SERVER" &&
    equal "$(cat "$STATUSES")" ""
}

# come_and_go N: so many servers of another socket, one after the other, serve a request each and
# end because they are idle: for a test that something did not happen meanwhile.
come_and_go() {
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
