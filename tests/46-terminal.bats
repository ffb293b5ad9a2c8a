#!/usr/bin/env bats
# ways: one
#
# Who asks the terminal, in a request or at import, gets an answer: what somebody types there, or
# the end of the file at once. No process is ever stopped, and no client waits for nobody.

# Each test sets PROMPT for itself.
# shellcheck disable=SC2030,SC2031,SC2034
load server

end_all() {
  local pid
  for pid in $(relatives); do
    kill -KILL "$pid" 2>/dev/null || :
  done
  wait
}

teardown() {
  end_all
  judge_log
}

# sit_down [--background] [OPTION]... APPLICATION: starts a server at a terminal. What that shows is
# in the log.
sit_down() {
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
  DESK=$KEYBOARD_PID
  TARGET=(--unix-socket "$FIFOS/socket")
  ORIGIN=http://localhost
  eventually test -S "$FIFOS/socket"
}

# type_in TEXT
type_in() {
  printf '%b' "$1" >&"${KEYBOARD[1]}"
}

# ask PATH: begins a request, which `answered` ends.
ask() {
  http "$1" --include >"$FIFOS/answer" 3>&- &
  CLIENT=$!
}

# answered TEXT: the answer has it.
answered() {
  wait "$CLIENT"
  contains "$(cat "$FIFOS/answer")" "$1"
}

# what_stops: the processes that are stopped.
what_stops() {
  local pid
  for pid in $(relatives); do
    grep -s '^State:.T' "/proc/$pid/status"
  done
}

@test "at a terminal, a request has a usable prompt" {
  sit_down prompts:app
  ask /input
  logged "What? "
  type_in 'words\n'
  answered words
  ask /getpass
  logged "Secret? "
  type_in 'hidden words\n'
  answered "hidden words"
  equal "$(grep -c hidden "$LOG")" 0
  ask /child
  type_in 'more words\n'
  answered "more words"
}

@test "at a terminal, breakpoint() in a request can be used, again and again" {
  sit_down prompts:app
  for value in one two; do
    : >"$LOG"
    ask /breakpoint
    logged "(Pdb) "
    type_in "value = '$value'\ncontinue\n"
    answered "$value"
  done
}

@test "at a terminal, breakpoint() and input() at import can be used" {
  export PROMPT=breakpoint
  sit_down prompts:app
  ask /
  logged "(Pdb) "
  type_in 'value = "set at import"\ncontinue\n'
  answered "set at import"
}

@test "at a terminal, Ctrl-C ends the server, also during a prompt, and the terminal is as it was" {
  sit_down prompts:app
  equal "$(http /hello)" hello
  type_in '\x03'
  logged "ended 0"
  logged "echo on"
  wait "$DESK"
  : >"$LOG"
  rm "$FIFOS/socket"
  sit_down prompts:app
  ask /breakpoint
  logged "(Pdb) "
  type_in '\x03'
  eventually has_processes 2 # the template and the spares have left
  type_in '\x03'
  logged "ended 0"
  logged "echo on"
  eventually none_is_left
}

@test "in the background of a terminal, whoever asks it gets the end of the file" {
  sit_down --background prompts:app
  for name in input breakpoint child; do
    equal "$(status /$name)" 500
  done
  # it turns to standard input when there is no terminal
  equal "$(status /getpass)" 500
  equal "$(what_stops)" ""
  logged EOFError
  eventually grep -qE "BdbQuit|SystemExit" "$LOG" # the latter from Python 3.14 on
}

@test "in the background of a terminal, an import that asks fails" {
  export PROMPT=input
  sit_down --background prompts:app
  equal "$(status /)" 500
  logged EOFError
  logged "ended 70"
}

@test "whoever asks a terminal of somebody else, or a pipe, gets the end of the file" {
  for kind in terminal pipe; do
    "$TESTS/hand-over" 0="$kind" listen:"$FIFOS/socket" -- \
      "$PROGRAM" --python-path="$APPS" --access-log=none --idle-timeout=0 prompts:app \
      >>"$LOG" 2>&1 3>&- 4>&- &
    TARGET=(--unix-socket "$FIFOS/socket")
    ORIGIN=http://localhost
    eventually test -S "$FIFOS/socket"
    for name in input breakpoint child; do
      equal "$(status /$name --max-time 10)" 500
    done
    end_all
    rm "$FIFOS/socket"
  done
  logged EOFError
  eventually grep -qE "BdbQuit|SystemExit" "$LOG" # the latter from Python 3.14 on
}
