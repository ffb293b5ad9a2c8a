#!/usr/bin/env bats
# ways: scale
# lasts: 100 s
#
# What `make scale` measures, as far as it can be right or wrong: several hosts behind a front
# server that checks them, and many apps on one host.

# shellcheck disable=SC2016 # Markdown
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own
# shellcheck disable=SC2154 # set by run

load helpers

SCALE=$TESTS/scale
BUILD=${PROGRAM%/*}
export BUILD

# measure COMMAND [ARGUMENT]...: of tests/scale.
measure() {
  TMPDIR=$BATS_TEST_TMPDIR run --separate-stderr timeout --kill-after 10 300 "$SCALE/$1" "${@:2}"
  printf '%s\n' "$output" "$stderr"
  # It says itself whether that is for good.
  if ((status == 77)); then skip "${stderr#*: }"; fi
  equal "$status" 0
}

# cell COLUMN [LINE]: of the table, without white space around it; of its last line.
cell() {
  sed -n "${2-\$}p" <<<"$output" | cut -d'|' -f "$(($1 + 1))" | sed 's/^ *//; s/ *$//'
}

# ---- two hosts ----------------------------------------------------------------------------------

# Columns of the table.
REQUESTS=2 BY_A=3 BY_B=4 OTHER=9 ELSEWHERE=10

# hosts WHAT: happens under load to one of two hosts. The load was one, for both.
hosts() {
  measure hosts "$1"
  equal "$stderr" "" # the log of the servers, and HAProxy's
  equal "$(cell 1)" "$1"
  (($(cell $REQUESTS) > 200 && $(cell $BY_A) > 50 && $(cell $BY_B) > 50))
}

nothing_failed() {
  equal "$(($(cell $BY_A) + $(cell $BY_B)))" "$(cell $REQUESTS)"
}

# A failure is an answer of HAProxy, to a request that was under way when the host was lost, or was
# sent there before that was noticed.
failed_only_meanwhile() {
  equal "no answer: $(cell 8)" "no answer: 0"
  equal "other: $(cell $OTHER)" "other: 0"
  equal "elsewhere: $(cell $ELSEWHERE)" "elsewhere: 0"
  # Each of the eight clients meets it twice at most.
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

@test "of a host that crashes only the requests are lost that it has, and it comes back" {
  hosts crashed
  failed_only_meanwhile
}

@test "of a host that is cut off only the requests are lost that it has, and it comes back" {
  hosts cut
  failed_only_meanwhile
}

# kind_of_check LINE NAME: SERVERS, started by it, is set, and REQUESTS that reached the app.
kind_of_check() {
  equal "$(cell 1 "$1")" "$2"
  SERVERS=$(cell 2 "$1") CHECKS=$(cell 3 "$1")
  equal "$2: other messages: $(cell 4 "$1")" "$2: other messages: 0"
}

@test "a health check with a request is one, and others are nothing, also in the log" {
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

# row NAME: its last cell, of the last table that has such a row.
row() {
  sed -n "s/^| $1 |.* \([^ ]*\) |\$/\1/p" <<<"$output" | tail -n 1
}

@test "200 apps run nothing while nobody asks, and answer when everybody asks at once" {
  measure apps 200
  equal "$(row sockets)" 200
  equal "$(row "processes of wsgi-once")" 0
  # 180 of them have servers, of which some may have ended before the last app had answered.
  (($(row "processes of wsgi-once then") > 0))
  equal "$(row "answered, of 600 requests in all")" 600
  equal "$(row "processes when all were idle")" 0
}
