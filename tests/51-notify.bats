#!/usr/bin/env bats
# ways: one

# The notifications that the server sends to the socket named by NOTIFY_SOCKET. Tests of how systemd
# handles them are in 49-systemd.bats.

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

# serve_notifying [VARIABLE=VALUE]... -- [OPTION]... APPLICATION: like serve, with variables that
# systemd sets and the activator does not pass.
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

# expect_message PATTERN: waits until a line of a message matches the extended regular expression.
expect_message() {
  eventually grep -qxE -- "$1" "$MESSAGES"
}

# Prints all messages that were sent so far.
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

expect_no_message() { # pattern
  ! messages | grep -xE -- "$1"
}

# Prints the process that the activator has started.
server() {
  local pids
  read -r pids <"/proc/$ACTIVATOR/task/$ACTIVATOR/children"
  echo "${pids% }"
}

# reload: reloads the server, and prints the message that announces it as one line.
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

# The message of a reload has a time between the two given ones.
has_time_between() { # message, earliest, latest
  [[ $1 =~ (^| )MONOTONIC_USEC=([0-9]+)( |$) ]] || return
  ((BASH_REMATCH[2] >= $2 && BASH_REMATCH[2] <= $3))
}

@test "READY=1 is sent after the import, and EXTEND_TIMEOUT_USEC= during it" {
  mkfifo "$FIFOS/import"
  serve_notifying -- --idle-timeout=1h told_at_import:app
  http / >"$BATS_TEST_TMPDIR/answer" &
  open_fifo "$FIFOS/import"
  expect_message 'EXTEND_TIMEOUT_USEC=[1-9][0-9]*'
  expect_no_message READY=1
  exec 5>&-
  expect_message READY=1
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "Hello."
}

@test "READY=1 is not sent when the import fails" {
  mkfifo "$FIFOS/import"
  serve_notifying -- told_at_import:app
  http / --output /dev/null &
  write_fifo "$FIFOS/import" broken
  wait $!
  equal "$(exit_status)" 70
  expect_no_message READY=1
}

@test "STATUS= shows served, running and spare workers, and when an idle server exits" {
  serve_notifying -- --idle-timeout=1h --spare=3 hello:app
  http /
  expect_message 'STATUS=.*\<1 served, 0 running, 3 spare.*\<exits at [0-9:]{8}\>.*'
  http '/[1-4]'
  expect_message 'STATUS=.*\<5 served, 0 running, 3 spare.*\<exits at [0-9:]{8}\>.*'
}

@test "STATUS= shows no exit time with --idle-timeout=0" {
  serve_notifying -- --idle-timeout=0 hello:app
  http /
  expect_message 'STATUS=.*\<1 served, 0 running.*'
  expect_no_message 'STATUS=.*\<exits at .*'
}

@test "STATUS= counts a running request and the spares separately" {
  serve_notifying -- --idle-timeout=1h --spare=3 held:app
  mkfifo "$FIFOS/hold"
  for served in 0 1; do
    http / --output /dev/null &
    open_fifo "$FIFOS/hold"
    expect_message "STATUS=.*\<$served served, 1 running, 3 spare.*"
    exec 5>&-
    wait $!
    expect_message "STATUS=.*\<$((served + 1)) served, 0 running, 3 spare.*"
  done
}

@test "a reload sends RELOADING=1 with the time, then READY=1" {
  local app=$BATS_TEST_TMPDIR/app.py before message
  cp "$APPS/hello.py" "$app"
  serve_notifying -- --idle-timeout=1h "$app"
  http /
  expect_no_message RELOADING=1
  sed -i 's/Hello/Goodbye/' "$app"
  before=$(monotonic)
  message=$(reload)
  has_time_between "$message" "$before" "$(monotonic)"
  equal "$(http /)" "Goodbye."
}

@test "a failed reload sends RELOADING=1 with the time, then READY=1, too" {
  local app=$BATS_TEST_TMPDIR/app.py before message
  cp "$APPS/hello.py" "$app"
  serve_notifying -- --idle-timeout=1h "$app"
  http /
  echo broken >"$app"
  before=$(monotonic)
  message=$(reload)
  has_time_between "$message" "$before" "$(monotonic)"
  logged NameError
  equal "$(http /)" "Hello."
  # Reload again: the failed reload is over.
  cp "$APPS/hello.py" "$app"
  before=$(monotonic)
  message=$(reload)
  has_time_between "$message" "$before" "$(monotonic)"
}

@test "SIGTERM sends STOPPING=1, and EXTEND_TIMEOUT_USEC= for running requests" {
  serve_notifying -- --idle-timeout=1h --stop-timeout=100s --leftover-timeout=100s held:app
  mkfifo "$FIFOS/hold"
  http / --output /dev/null &
  open_fifo "$FIFOS/hold"
  expect_no_message STOPPING=1
  # Ignore the extension for the start of a new process.
  : >"$MESSAGES"
  kill "$(server)"
  expect_message STOPPING=1
  # At least the 100 s for the request, and another 100 s for what it leaves running.
  expect_message 'EXTEND_TIMEOUT_USEC=[2-9][0-9]{8,}'
  exec 5>&-
  wait $!
  equal "$(exit_status)" 0
}

@test "an idle server sends STOPPING=1 when it exits" {
  serve_notifying -- hello:app
  http /
  equal "$(exit_status)" 0
  expect_message STOPPING=1
}

@test "WATCHDOG=1 is sent repeatedly when WATCHDOG_USEC= is set" {
  serve_notifying WATCHDOG_USEC=400000 -- --idle-timeout=1h hello:app
  http /
  eventually has_more_than 3 WATCHDOG=1
}

@test "WATCHDOG=1 is not sent without WATCHDOG_USEC=, or when WATCHDOG_PID= is another process" {
  serve_notifying -- hello:app
  http /
  equal "$(exit_status)" 0
  expect_message STOPPING=1
  serve_notifying WATCHDOG_USEC=1000 WATCHDOG_PID=1 -- hello:app
  http /
  equal "$(exit_status)" 0
  eventually has_more_than 1 STOPPING=1
  expect_no_message WATCHDOG=1
}

@test "neither the app nor its subprocesses see systemd's variables" {
  local import seen
  for import in server worker; do
    serve_notifying WATCHDOG_USEC=1000000 -- --import="$import" variables:app
    seen=$(http /)
    contains "$seen" "FIFOS" # the control
    [[ $seen != *NOTIFY_SOCKET* && $seen != *WATCHDOG_* && $seen != *LISTEN_* ]]
    expect_message READY=1
    stop
  done
}

@test "the server sends fewer messages than it serves requests" {
  serve_notifying -- --idle-timeout=1h hello:app
  http '/[1-200]' --output /dev/null
  expect_message 'STATUS=.*\<200 served, .*'
  # At least one message for each request would be too many.
  (($(messages | grep -c .) < 200))
}
