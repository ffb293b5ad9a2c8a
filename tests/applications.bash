# shellcheck shell=bash
# What the suites of applications share, beyond helpers.bash.

load helpers

PROGRAM=$(realpath "$PROGRAM") # a test may go elsewhere

# A test in which a process did not end well has failed, whatever its clients have got: with each
# connection one ends, a server stays until the activator kills it.
teardown() {
  local well=0
  [[ -z $BATS_TEST_COMPLETED ]] || ended_well || well=1
  stop
  judge_log && return "$well"
}

ended_well() {
  [[ $WAY == server ]] || eventually has_no_process || return
  equal "$(grep -vx 0 "$STATUSES")" ""
}

has_no_process() {
  ! pgrep -P "$ACTIVATOR" >/dev/null
}

# stays OPTION... APPLICATION: a server imports it once.
stays() {
  serve --idle-timeout=60 "$@"
}

# json EXPRESSION: a value of the JSON on standard input, which is `it` in the expression.
json() {
  /usr/bin/python3 -ISc "import json, sys; it = json.load(sys.stdin); print(($1))"
}

# browse PATH [CURL-ARGUMENT]...: as http, and keeps cookies.
browse() {
  local jar=$BATS_TEST_TMPDIR/cookies
  http "$1" --cookie "$jar" --cookie-jar "$jar" "${@:2}"
}
