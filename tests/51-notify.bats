#!/usr/bin/env bats
# ways: one

# What the server tells systemd, seen on the socket that NOTIFY_SOCKET names. How a real systemd
# takes it is in 49-systemd.bats.

load helpers

export WAY=server

eval "common_$(declare -f setup)"
eval "common_$(declare -f teardown)"

setup() {
  common_setup
  MAILBOX=$BATS_TEST_TMPDIR/mailbox
  MESSAGES=$BATS_TEST_TMPDIR/messages
  : >"$MESSAGES"
  "$TESTS/notified" "$MAILBOX" "$MESSAGES" 3>&- &
  NOTIFIED=$!
  eventually test -S "$MAILBOX"
}

teardown() {
  common_teardown
  kill "$NOTIFIED"
  wait "$NOTIFIED" || :
  if [[ -z $BATS_TEST_COMPLETED ]]; then
    echo "--- messages:"
    cat "$MESSAGES"
  fi
}

# serve_notifying [VARIABLE=VALUE]... -- [OPTION]... APPLICATION: as serve, with these variables of
# systemd, which the activator does not pass.
serve_notifying() {
  local variables=()
  while [[ $1 != -- ]]; do
    variables+=("$1")
    shift
  done
  shift
  printf '#!/bin/sh\nexec env %s %s "$@"\n' "NOTIFY_SOCKET=$MAILBOX ${variables[*]}" \
    "$(realpath "$PROGRAM")" >"$BATS_TEST_TMPDIR/program"
  chmod +x "$BATS_TEST_TMPDIR/program"
  PROGRAM=$BATS_TEST_TMPDIR/program serve "$@"
}

# told PATTERN: waits until a line of a message matches the extended regular expression.
told() {
  eventually grep -qxE -- "$1" "$MESSAGES"
}

# Prints all messages that were sent until now.
messages() {
  local marks
  marks=$(count MARK=)
  "$TESTS/notified" "$MAILBOX"
  eventually has_more_than "$marks" MARK= >&2
  grep -vx MARK= "$MESSAGES"
}

count() { # pattern
  grep -cxE -- "$1" "$MESSAGES" || :
}

has_more_than() { # number, pattern
  (($(count "$2") > $1))
}

never_told() { # pattern
  ! messages | grep -xE -- "$1"
}

# The process that the activator has started.
server() {
  local pids
  read -r pids <"/proc/$ACTIVATOR/task/$ACTIVATOR/children"
  echo "${pids% }"
}

# reload: and prints the message that says so, in one line.
reload() {
  local before
  before=$(count READY=1)
  kill -HUP "$(server)"
  eventually has_more_than "$before" READY=1 >&2
  messages | awk -v RS= '/(^|\n)RELOADING=1(\n|$)/ {gsub(/\n/, " "); last = $0} END {print last}'
}

monotonic() {
  /usr/bin/python3 -ISc 'import time; print(time.monotonic_ns() // 1000)'
}

# The message of a reload has to have a time between two others.
says_when() { # message, earliest, latest
  [[ $1 =~ (^| )MONOTONIC_USEC=([0-9]+)( |$) ]] || return
  ((BASH_REMATCH[2] >= $2 && BASH_REMATCH[2] <= $3))
}

@test "READY=1 comes after the import, and more time is asked for while that takes" {
  mkfifo "$FIFOS/import"
  serve_notifying -- --idle-timeout=1h told_at_import:app
  http / >"$BATS_TEST_TMPDIR/answer" &
  open_fifo "$FIFOS/import"
  told 'EXTEND_TIMEOUT_USEC=[1-9][0-9]*'
  never_told READY=1
  exec 5>&-
  told READY=1
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "Hello."
}

@test "an import that fails is never ready" {
  mkfifo "$FIFOS/import"
  serve_notifying -- told_at_import:app
  http / --output /dev/null &
  write_fifo "$FIFOS/import" broken
  wait $!
  equal "$(exit_status)" 70
  never_told READY=1
}

@test "STATUS= says how much was served, runs and waits, and when an idle server ends" {
  serve_notifying -- --idle-timeout=1h --spare=3 hello:app
  http /
  told 'STATUS=.*\<1 served, 0 running, 3 spare.*\<exits at [0-9:]{8}\>.*'
  http '/[1-4]'
  told 'STATUS=.*\<5 served, 0 running, 3 spare.*\<exits at [0-9:]{8}\>.*'
}

@test "STATUS= does not say when the server ends if it does not" {
  serve_notifying -- --idle-timeout=0 hello:app
  http /
  told 'STATUS=.*\<1 served, 0 running.*'
  never_told 'STATUS=.*\<exits at .*'
}

@test "STATUS= shows that a request runs while others could be served at once" {
  serve_notifying -- --idle-timeout=1h --spare=3 held:app
  mkfifo "$FIFOS/hold"
  for served in 0 1; do
    http / --output /dev/null &
    open_fifo "$FIFOS/hold"
    told "STATUS=.*\<$served served, 1 running, 3 spare.*"
    exec 5>&-
    wait $!
    told "STATUS=.*\<$((served + 1)) served, 0 running, 3 spare.*"
  done
}

@test "a reload is RELOADING=1 with the time, then READY=1" {
  local app=$BATS_TEST_TMPDIR/app.py before message
  cp "$APPS/hello.py" "$app"
  serve_notifying -- --idle-timeout=1h "$app"
  http /
  never_told RELOADING=1
  sed -i 's/Hello/Goodbye/' "$app"
  before=$(monotonic)
  message=$(reload)
  says_when "$message" "$before" "$(monotonic)"
  equal "$(http /)" "Goodbye."
}

@test "a reload that fails is RELOADING=1 with the time, then READY=1 as well" {
  local app=$BATS_TEST_TMPDIR/app.py before message
  cp "$APPS/hello.py" "$app"
  serve_notifying -- --idle-timeout=1h "$app"
  http /
  echo broken >"$app"
  before=$(monotonic)
  message=$(reload)
  says_when "$message" "$before" "$(monotonic)"
  logged NameError
  equal "$(http /)" "Hello."
  # Once more: the failed one has ended for good.
  cp "$APPS/hello.py" "$app"
  before=$(monotonic)
  message=$(reload)
  says_when "$message" "$before" "$(monotonic)"
}

@test "STOPPING=1 comes with SIGTERM, and more time for the requests that run" {
  serve_notifying -- --idle-timeout=1h --stop-timeout=100s --leftover-timeout=100s held:app
  mkfifo "$FIFOS/hold"
  http / --output /dev/null &
  open_fifo "$FIFOS/hold"
  never_told STOPPING=1
  # What a new process was given to begin with does not count.
  : >"$MESSAGES"
  kill "$(server)"
  told STOPPING=1
  # Not less than the 100 s, and as many for what the request leaves running.
  told 'EXTEND_TIMEOUT_USEC=[2-9][0-9]{8,}'
  exec 5>&-
  wait $!
  equal "$(exit_status)" 0
}

@test "STOPPING=1 comes with the end of an idle server" {
  serve_notifying -- hello:app
  http /
  equal "$(exit_status)" 0
  told STOPPING=1
}

@test "WATCHDOG=1 comes again and again, when systemd asks for it" {
  serve_notifying WATCHDOG_USEC=400000 -- --idle-timeout=1h hello:app
  http /
  eventually has_more_than 3 WATCHDOG=1
}

@test "no WATCHDOG=1 comes when systemd does not ask, or asks another process" {
  serve_notifying -- hello:app
  http /
  equal "$(exit_status)" 0
  told STOPPING=1
  serve_notifying WATCHDOG_USEC=1000 WATCHDOG_PID=1 -- hello:app
  http /
  equal "$(exit_status)" 0
  eventually has_more_than 1 STOPPING=1
  never_told WATCHDOG=1
}

@test "neither the app nor its subprocesses see the variables of systemd" {
  local import seen
  for import in server worker; do
    serve_notifying WATCHDOG_USEC=1000000 -- --import="$import" variables:app
    seen=$(http /)
    contains "$seen" "FIFOS" # such as it is
    [[ $seen != *NOTIFY_SOCKET* && $seen != *WATCHDOG_* && $seen != *LISTEN_* ]]
    told READY=1
    stop
  done
}

@test "systemd does not hear of each request" {
  serve_notifying -- --idle-timeout=1h hello:app
  http '/[1-200]' --output /dev/null
  told 'STATUS=.*\<200 served, .*'
  # Whatever is said to it: one message for each, at the least, would be a flood.
  (($(messages | grep -c .) < 200))
}
