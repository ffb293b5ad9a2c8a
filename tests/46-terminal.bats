#!/usr/bin/env bats
# ways: one
#
# An app that reads from the terminal, in a request or at import, gets what the user types there, or
# the end of file at once. No process is ever stopped, and no client waits forever.

# Each test sets its own PROMPT.
# shellcheck disable=SC2030,SC2031,SC2034
load server

end_all() {
  local pid
  for pid in $(processes_of_test); do
    kill -KILL "$pid" 2>/dev/null || :
  done
  wait
}

teardown() {
  end_all
  check_log
}

# start_at_terminal [--background] [OPTION]... APPLICATION: starts a server at a terminal, whose
# output goes to the log.
start_at_terminal() {
  local where=()
  if [[ $1 == --background ]]; then
    where=("$1")
    shift
  fi
  coproc KEYBOARD {
    exec "$TESTS/at-terminal" "${where[@]}" "$FIFOS/socket" \
      "$PROGRAM" --python-path="$APPS" --access-log=none --idle-timeout=0 "$@" >>"$LOG" 2>&1 \
      3>&- 4>&-
  }
  # shellcheck disable=SC2153 # set by coproc
  TERMINAL=$KEYBOARD_PID
  TARGET=(--unix-socket "$FIFOS/socket")
  ORIGIN=http://localhost
  eventually test -S "$FIFOS/socket"
}

# type_in TEXT
type_in() {
  printf '%b' "$1" >&"${KEYBOARD[1]}"
}

# start_request PATH: starts a request; `answer_has` waits for its end.
start_request() {
  http "$1" --include >"$FIFOS/answer" 3>&- &
  CLIENT=$!
}

# answer_has TEXT: the answer contains the text.
answer_has() {
  wait "$CLIENT"
  contains "$(cat "$FIFOS/answer")" "$1"
}

# Prints the state of the processes that are stopped.
stopped_processes() {
  local pid
  for pid in $(processes_of_test); do
    grep -s '^State:.T' "/proc/$pid/status"
  done
}

@test "at a terminal, a request can prompt for input" {
  start_at_terminal prompts:app
  start_request /input
  logged "What? "
  type_in 'words\n'
  answer_has words
  start_request /getpass
  logged "Secret? "
  type_in 'hidden words\n'
  answer_has "hidden words"
  equal "$(grep -c hidden "$LOG")" 0
  start_request /child
  type_in 'more words\n'
  answer_has "more words"
}

@test "at a terminal, breakpoint() works in one request after another" {
  start_at_terminal prompts:app
  for value in one two; do
    : >"$LOG"
    start_request /breakpoint
    logged "(Pdb) "
    type_in "value = '$value'\ncontinue\n"
    answer_has "$value"
  done
}

@test "at a terminal, breakpoint() and input() work at import" {
  export PROMPT=breakpoint
  start_at_terminal prompts:app
  start_request /
  logged "(Pdb) "
  type_in 'value = "set at import"\ncontinue\n'
  answer_has "set at import"
}

@test "at a terminal, Ctrl-C stops the server even during a prompt and restores the terminal" {
  start_at_terminal prompts:app
  equal "$(http /hello)" hello
  type_in '\x03'
  logged "ended 0"
  logged "echo on"
  wait "$TERMINAL"
  : >"$LOG"
  rm "$FIFOS/socket"
  start_at_terminal prompts:app
  start_request /breakpoint
  logged "(Pdb) "
  type_in '\x03'
  eventually has_processes 2 # the template and the spares have exited
  type_in '\x03'
  logged "ended 0"
  logged "echo on"
  eventually none_is_left
}

@test "in the background of a terminal, reading from it gets the end of file" {
  start_at_terminal --background prompts:app
  for name in input breakpoint child; do
    equal "$(status /$name)" 500
  done
  # getpass reads standard input if there is no terminal.
  equal "$(status /getpass)" 500
  equal "$(stopped_processes)" ""
  logged EOFError
  eventually grep -qE "BdbQuit|SystemExit" "$LOG" # the latter from Python 3.14 on
}

@test "in the background of a terminal, an import that prompts fails" {
  export PROMPT=input
  start_at_terminal --background prompts:app
  equal "$(status /)" 500
  logged EOFError
  logged "ended 70"
}

@test "reading from a foreign terminal or from a pipe gets the end of file" {
  for kind in terminal pipe; do
    "$TESTS/hand-over" 0="$kind" listen:"$FIFOS/socket" -- \
      "$PROGRAM" --python-path="$APPS" --access-log=none --idle-timeout=0 prompts:app \
      >>"$LOG" 2>&1 3>&- 4>&- &
    TARGET=(--unix-socket "$FIFOS/socket")
    ORIGIN=http://localhost
    eventually test -S "$FIFOS/socket"
    for name in input breakpoint child; do
      equal "$(status /$name)" 500
    done
    end_all
    rm "$FIFOS/socket"
  done
  logged EOFError
  eventually grep -qE "BdbQuit|SystemExit" "$LOG" # the latter from Python 3.14 on
}
