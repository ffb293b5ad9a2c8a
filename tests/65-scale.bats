#!/usr/bin/env bats
# ways: scale
# lasts: 100 s
#
# The parts of `make scale` that can pass or fail: several hosts behind a front server that checks
# their health, and many apps on one host.

# shellcheck disable=SC2016 # Markdown
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own
# shellcheck disable=SC2154 # set by run

load helpers

SCALE=$TESTS/scale
BUILD=${PROGRAM%/*}
export BUILD

# measure COMMAND [ARGUMENT]...: runs a command of tests/scale.
measure() {
  TMPDIR=$BATS_TEST_TMPDIR run --separate-stderr timeout --kill-after 10 300 "$SCALE/$1" "${@:2}"
  printf '%s\n' "$output" "$stderr"
  # The command says whether this machine can never run it.
  if ((status == 77)); then skip "${stderr#*: }"; fi
  equal "$status" 0
}

# cell COLUMN [LINE]: prints a cell of the table, trimmed, by default of its last line.
cell() {
  sed -n "${2-\$}p" <<<"$output" | cut -d'|' -f "$(($1 + 1))" | sed 's/^ *//; s/ *$//'
}

# ---- two hosts ----------------------------------------------------------------------------------

# Columns of the table.
REQUESTS=2 BY_A=3 BY_B=4 OTHER=9 ELSEWHERE=10

# hosts WHAT: it happens to one of two hosts under load. Both hosts got requests.
hosts() {
  measure hosts "$1"
  equal "$stderr" "" # the logs of the servers and of HAProxy
  equal "$(cell 1)" "$1"
  (($(cell $REQUESTS) > 200 && $(cell $BY_A) > 50 && $(cell $BY_B) > 50))
}

nothing_failed() {
  equal "$(($(cell $BY_A) + $(cell $BY_B)))" "$(cell $REQUESTS)"
}

# A failure is an error from HAProxy: the request was running when the host was lost, or was sent to
# the host before HAProxy noticed.
failed_only_meanwhile() {
  equal "no answer: $(cell 8)" "no answer: 0"
  equal "other: $(cell $OTHER)" "other: 0"
  equal "elsewhere: $(cell $ELSEWHERE)" "elsewhere: 0"
  # Each of the eight clients fails twice at most.
  (($(cell $REQUESTS) - $(cell $BY_A) - $(cell $BY_B) <= 16))
}

@test "no request fails while the server of one of two hosts is stopped" {
  hosts stopped
  nothing_failed
}

@test "no request fails while the server of one of two hosts is restarted" {
  hosts restarted
  nothing_failed
}

@test "when a host crashes, only its running requests fail, and it comes back" {
  hosts crashed
  failed_only_meanwhile
}

@test "when a host is cut off, only its running requests fail, and it comes back" {
  hosts cut
  failed_only_meanwhile
}

# kind_of_check LINE NAME: sets SERVERS to the number of servers that the check started, and CHECKS
# to the number of its requests that reached the app.
kind_of_check() {
  equal "$(cell 1 "$1")" "$2"
  SERVERS=$(cell 2 "$1") CHECKS=$(cell 3 "$1")
  equal "$2: other messages: $(cell 4 "$1")" "$2: other messages: 0"
}

@test "only health checks that send a request are requests and are logged" {
  measure hosts checks
  equal "$stderr" ""
  kind_of_check 3 '`option httpchk`'
  ((SERVERS == 2 && CHECKS >= 10))
  kind_of_check 4 '`http-check send meth HEAD ...`'
  ((SERVERS == 2 && CHECKS >= 10))
  kind_of_check 5 'TCP, `DeferAcceptSec=`'
  ((SERVERS == 0 && CHECKS == 0))
  kind_of_check 6 'connect and close, `DeferAcceptSec=`'
  ((SERVERS == 2 && CHECKS == 0))
  kind_of_check 7 TCP
  ((CHECKS == 0))
  kind_of_check 8 'connect and close'
  ((SERVERS == 2 && CHECKS == 0))
}

# ---- many apps ----------------------------------------------------------------------------------

# row NAME: prints the last cell of the row in the last table that has one.
row() {
  sed -n "s/^| $1 |.* \([^ ]*\) |\$/\1/p" <<<"$output" | tail -n 1
}

@test "200 idle apps have no process, and answer when all get requests at once" {
  measure apps 200
  equal "$(row sockets)" 200
  equal "$(row "processes of wsgi-once")" 0
  # 180 of them have servers, some of which may have exited before the last app answered.
  (($(row "processes of wsgi-once then") > 0))
  equal "$(row "answered, of 600 requests in all")" 600
  equal "$(row "processes when all were idle")" 0
}
