# shellcheck shell=bash
# Helpers of the suites about applications.

load helpers

PROGRAM=$(realpath "$PROGRAM") # a test may change the directory

# A test fails if a process did not exit with success, even if its clients got their answers. There
# is one process for each connection; a server runs until the activator kills it.
teardown() {
  local well=0
  [[ -z $BATS_TEST_COMPLETED ]] || ended_well || well=1
  stop
  check_log && return "$well"
}

ended_well() {
  [[ $WAY == server ]] || eventually has_no_process || return
  equal "$(grep -vx 0 "$STATUSES")" ""
}

has_no_process() {
  ! pgrep -P "$ACTIVATOR" >/dev/null
}

# serve_persistently OPTION... APPLICATION: starts a server that imports the app once.
serve_persistently() {
  serve --idle-timeout=60 "$@"
}

# json EXPRESSION: prints a value of the JSON on standard input, which is `it` in the expression.
json() {
  /usr/bin/python3 -ISc "import json, sys; it = json.load(sys.stdin); print(($1))"
}

# browse PATH [CURL-ARGUMENT]...: like http, with cookies.
browse() {
  local jar=$BATS_TEST_TMPDIR/cookies
  http "$1" --cookie "$jar" --cookie-jar "$jar" "${@:2}"
}
