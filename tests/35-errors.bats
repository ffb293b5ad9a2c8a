#!/usr/bin/env bats
# ways: both

load helpers

# answered_500 [CURL-ARGUMENT]...: the answer is 500 with a plain page that reveals nothing of the
# app, and the process exits with success.
answered_500() {
  run -0 http /some/target?q --include "$@"
  [[ $output == "HTTP/1.1 500 Internal Server Error"* ]] || return
  [[ $output == *$'\r\nContent-Type: text/plain'* ]] || return
  [[ $output == *$'\r\n\r\n500 Internal Server Error' ]] || return
  [[ $output != *secret* && $output != *.py* && $output != *X-Own* ]] || return
  equal "$(exit_status)" 0
}

# Finds the process of the current request, to which a test sends signals.
in_background() {
  talk "$@" >"$BATS_TEST_TMPDIR/answer" 3>&- &
  CLIENT=$!
}

# signal_when VERB SIGNAL: sends the signal once the app has reported the verb and waits for the
# client.
signal_when() {
  local pid
  logged "$1"
  pid=$(sed -n "s/^process \([0-9]*\) $1\$/\1/p" "$LOG")
  eventually grep -q '^State:.S' "/proc/$pid/status"
  kill "-$2" "$pid"
}

@test "an uncaught exception is answered 500 with a plain page" {
  serve raising:in_the_call
  answered_500 -H "Raise: ValueError('a secret')"
}

@test "the log has the traceback and the request" {
  serve raising:in_the_call
  answered_500 -X PURGE -H "Raise: ValueError('a secret')"
  contains "$(cat "$LOG")" "PURGE /some/target?q"
  contains "$(cat "$LOG")" "Traceback (most recent call last):"
  contains "$(cat "$LOG")" "raising.py\", line "
  contains "$(cat "$LOG")" "in throw"
  contains "$(cat "$LOG")" "raise eval(environ[\"HTTP_RAISE\"])"
  contains "$(cat "$LOG")" "ValueError: a secret"
}

@test "the log has the cause of the exception" {
  serve exhausts:chain
  answered_500
  logged "KeyError: 'the first problem'"
  logged "RuntimeError: the second problem"
  logged "direct cause"
}

@test "an exception before the first content is answered 500, whatever start_response was given" {
  local app
  for app in after_start in_the_iterable after_empty_items; do
    serve "raising:$app"
    answered_500 -H "Raise: ValueError('a secret')"
  done
}

@test "an exception after the first content cuts the answer off" {
  local app
  for app in midway after_write; do
    : >"$LOG"
    serve "raising:$app"
    run -18 http / -H "Raise: ValueError('a secret')"
    contains "$output" "the beginning"
    [[ $output != *secret* && $output != *500* ]]
    equal "$(exit_status)" 0
    logged "ValueError: a secret"
  done
}

@test "an exception after the first content resets an HTTP/1.0 connection" {
  local app
  for app in midway after_write; do
    serve "raising:$app"
    run -3 talk send "GET / HTTP/1.0\r\nRaise: ValueError('a secret')\r\n\r\n" read
    [[ $output != *secret* ]]
    equal "$(exit_status)" 0
  done
}

@test "HEAD gets only the head of the 500 page" {
  serve raising:in_the_call
  run -0 talk send "HEAD / HTTP/1.1\r\nHost: a\r\nRaise: ValueError('a secret')\r\n\r\n" read
  [[ $output == "HTTP/1.1 500 "*$'\r\n\r' ]]
}

@test "sys.exit() in the app is answered 500 and does not end the process" {
  local app
  for app in exit exit_with_text; do
    : >"$LOG"
    serve "exhausts:$app"
    answered_500
    logged "sys.exit()"
    logged "SystemExit"
  done
  [[ $output != *"the text of the exit"* ]]
  serve exhausts:exit_unnoticed
  equal "$(http /)" "the answer"
}

@test "sys.exit() after the first content cuts the answer off" {
  serve raising:midway
  run -18 http / -H "Raise: SystemExit(3)"
  equal "$(exit_status)" 0
  logged "sys.exit()"
}

@test "KeyboardInterrupt and GeneratorExit raised by the app are answered 500" {
  serve raising:in_the_call
  answered_500 -H "Raise: KeyboardInterrupt()"
  logged KeyboardInterrupt
  answered_500 -H "Raise: GeneratorExit()"
  answered_500 -H "Raise: BaseException('a secret')"
}

@test "StopIteration raised by the call is an error and not the end of the content" {
  serve raising:in_the_call
  answered_500 -H "Raise: StopIteration()"
  logged StopIteration
}

@test "an OSError of the app is not mistaken for a connection error" {
  serve raising:in_the_call
  answered_500 -H "Raise: ConnectionResetError(104, 'a secret')"
  logged "ConnectionResetError: [Errno 104] a secret"
  answered_500 -H "Raise: BrokenPipeError(32, 'a secret')"
  answered_500 -H "Raise: TimeoutError(110, 'a secret')"
  logged "TimeoutError: [Errno 110] a secret"
}

@test "infinite recursion is answered 500" {
  serve exhausts:stack
  answered_500
  logged RecursionError
}

@test "lack of memory is answered 500" {
  serve exhausts:memory
  answered_500
  logged MemoryError
}

@test "an exception that cannot be printed is answered 500" {
  serve raising:in_the_call
  answered_500 -H "Raise: Unprintable()"
  logged Unprintable
}

@test "an exception with arbitrary characters is answered 500 and logged" {
  serve raising:in_the_call
  answered_500 -H "Raise: ValueError('\\u20ac \\udcff')"
  logged "ValueError: "
}

# Neither does it read what the client has sent if standard input was the connection.
@test "without a terminal, input() and breakpoint() get the end of file, and the answer is 500" {
  for name in input breakpoint child; do
    serve prompts:app
    run -0 http /$name --include --data-binary $'a line\nanother\n'
    contains "$output" "HTTP/1.1 500 "
    equal "$(exit_status)" 0
  done
  logged "EOFError: "
  eventually grep -qE "bdb.BdbQuit|SystemExit" "$LOG" # the latter from Python 3.14 on
}

@test "without a terminal, input() at import fails the import" {
  export PROMPT=input
  serve prompts:app
  equal "$(status /)" 500
  equal "$(exit_status)" 70
  logged "EOFError: "
}

@test "SIGINT while the app reads raises KeyboardInterrupt, and the answer is 500" {
  serve interrupted:app
  in_background send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12' \
    expect 500 end read
  signal_when reads INT
  wait "$CLIENT"
  equal "$(exit_status)" 0
  contains "$(cat "$BATS_TEST_TMPDIR/answer")" "HTTP/1.1 500 "
  logged KeyboardInterrupt
}

@test "the app can handle the KeyboardInterrupt" {
  serve interrupted:handles
  in_background send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12' \
    expect 'the app was interrupted' end read
  signal_when reads INT
  wait "$CLIENT"
  equal "$(exit_status)" 0
  contains "$(cat "$BATS_TEST_TMPDIR/answer")" "HTTP/1.1 503 Interrupted"
  not_logged Traceback
}

@test "reading resumes after a signal that the app handles" {
  mkfifo "$FIFOS/handled"
  serve interrupted:app
  in_background send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12' \
    meet "$FIFOS/handled" send '345' read
  signal_when reads USR1
  logged "the handler ran"
  read_fifo "$FIFOS/handled"
  wait "$CLIENT"
  contains "$(cat "$BATS_TEST_TMPDIR/answer")" "the app read 12345"
  equal "$(exit_status)" 0
}

@test "SIGHUP, SIGUSR1 and SIGUSR2 to a unit do not end its requests" {
  for signal in HUP USR1 USR2; do
    : >"$LOG"
    rm -f "$FIFOS/sent"
    mkfifo "$FIFOS/sent"
    serve interrupted:unprepared
    in_background send 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12' \
      meet "$FIFOS/sent" send '345' read
    signal_when reads "$signal"
    read_fifo "$FIFOS/sent"
    wait "$CLIENT"
    contains "$(cat "$BATS_TEST_TMPDIR/answer")" "the app read 12345"
    equal "$(exit_status)" 0
  done
}

has_blocked_sighup() {
  grep -q '^SigBlk:.*[13579bdf]$' "/proc/$(pgrep -P "$ACTIVATOR")/status"
}

@test "SIGHUP before the app is loaded does not end the request" {
  [[ ! ${THAW:-} ]] || skip "impossible: with an image, the app is always loaded"
  mkfifo "$FIFOS/sent"
  serve hello:app
  in_background send 'GET / HTTP/1.1\r\n' meet "$FIFOS/sent" send 'Host: a\r\n\r\n' read
  eventually has_blocked_sighup
  kill -HUP "$(pgrep -P "$ACTIVATOR")"
  read_fifo "$FIFOS/sent"
  wait "$CLIENT"
  contains "$(cat "$BATS_TEST_TMPDIR/answer")" "Hello."
  equal "$(exit_status)" 0
}

@test "SIGHUP, SIGUSR1 and SIGUSR2 during option parsing do not end the process" {
  local signal program=$PROGRAM
  # Leak detection is off because it needs ptrace(2), which strace uses.
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  for signal in HUP USR1 USR2; do
    PROGRAM=$BATS_TEST_TMPDIR/traced
    printf '%s\n' '#!/bin/sh' "exec strace -D -o '$BATS_TEST_TMPDIR/trace' -P /etc/passwd \\" \
      "  -e inject=openat:signal=$signal '$program' \"\$@\"" >"$PROGRAM"
    chmod +x "$PROGRAM"
    serve --trusted-proxy=unix:root hello:app
    equal "$(http /)" "Hello."
    equal "$(exit_status)" 0
    grep -F "/etc/passwd" "$BATS_TEST_TMPDIR/trace"
  done
}

@test "sending resumes after a signal that the app handles" {
  mkfifo "$FIFOS/handled"
  serve interrupted:sends
  in_background send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect '\r\n\r\n' \
    meet "$FIFOS/handled" read
  signal_when sends USR1
  logged "the handler ran"
  read_fifo "$FIFOS/handled"
  wait "$CLIENT"
  equal "$(tail -c 8M "$BATS_TEST_TMPDIR/answer" | tr -d '\0' | wc -c)" 0
  equal "$(tail -c $(((8 << 20) + 4)) "$BATS_TEST_TMPDIR/answer" | head -c 4)" $'\r\n\r'
  equal "$(exit_status)" 0
}

@test "SIGINT while the answer is sent cuts it off" {
  mkfifo "$FIFOS/handled"
  serve interrupted:sends
  in_background send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect '\r\n\r\n' \
    meet "$FIFOS/handled" read
  signal_when sends INT
  logged KeyboardInterrupt
  read_fifo "$FIFOS/handled"
  wait "$CLIENT" || :
  equal "$(exit_status)" 0
  (($(wc -c <"$BATS_TEST_TMPDIR/answer") < 8 << 20))
}
