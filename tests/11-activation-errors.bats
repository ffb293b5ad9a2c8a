#!/usr/bin/env bats
# ways: one
#
# Errors that systemd or inetd can make, and rare but valid activations.

load helpers

EX_USAGE=64
EX_NOINPUT=66
EX_CONFIG=78

# refused STATUS TEXT... -- DESCRIPTOR...: the program gets these descriptors (see tests/hand-over),
# exits at once with the status, and prints one line that contains the texts.
refused() {
  local expected=$1 texts=()
  shift
  while [[ $1 != -- ]]; do
    texts+=("$1")
    shift
  done
  run "-$expected" --separate-stderr timeout "$PATIENCE" "$TESTS/hand-over" "${@:2}" -- \
    "$PROGRAM" --python-path="$APPS" hello:app
  prints_one_line "${texts[@]}"
}

# hand_over DESCRIPTOR... -- [OPTION]... APPLICATION: starts the program with these descriptors.
# `ended_with` checks its exit status. teardown stops it like an activator if it still runs.
hand_over() {
  local descriptors=()
  while [[ $1 != -- ]]; do
    descriptors+=("$1")
    shift
  done
  timeout "$PATIENCE" "$TESTS/hand-over" "${descriptors[@]}" -- \
    "$PROGRAM" --access-log=none --python-path="$APPS" "${@:2}" 2>>"$LOG" 3>&- 4>&- &
  ACTIVATOR=$!
}

# ended_with STATUS
ended_with() {
  local ended=0
  wait "$ACTIVATOR" || ended=$?
  ACTIVATOR=
  equal "$ended" "$1"
}

# get PATH-OF-SOCKET [CURL-ARGUMENT]...: waits for the socket and sends a request to it.
get() {
  eventually test -S "$1"
  get_from "$1" "" "${@:2}"
}

# ---- no socket ----

@test "without a socket, the message names ways to pass one" {
  refused $EX_NOINPUT "no socket" "systemd-socket-activate" -- 0=null
}

@test "a file as standard input is no socket" {
  refused $EX_NOINPUT "no socket" "systemd-socket-activate" -- 0=file
}

@test "a pipe as standard input is no socket" {
  refused $EX_NOINPUT "no socket" "systemd-socket-activate" -- 0=pipe
}

@test "a terminal as standard input is no socket" {
  refused $EX_NOINPUT "no socket" "systemd-socket-activate" -- 0=terminal
}

@test "a closed standard input is no socket" {
  refused $EX_NOINPUT "no socket" "systemd-socket-activate" -- 0=closed
}

@test "if LISTEN_PID names another process, the message names the process and the remedy" {
  LISTEN_PID=1 refused $EX_NOINPUT "process 1," "ExecStart=" -- 0=null listen:"$BATS_TEST_TMPDIR/s"
}

@test "if LISTEN_PID names another process, a connection on standard input is served" {
  LISTEN_PID=1 LISTEN_FDS=1 hand_over 01=accept:"$BATS_TEST_TMPDIR/s" -- hello:app
  equal "$(get "$BATS_TEST_TMPDIR/s")" "Hello."
  ended_with 0
}

@test "LISTEN_FDS without LISTEN_PID is ignored" {
  run -$EX_NOINPUT --separate-stderr timeout "$PATIENCE" env LISTEN_FDS=1 "$PROGRAM" hello:app \
    </dev/null
  # shellcheck disable=SC2154 # set by run
  equal "${#stderr_lines[@]}" 1
  # shellcheck disable=SC2154 # set by run
  contains "$stderr" "no socket"
}

# ---- invalid descriptors ----

@test "an invalid LISTEN_FDS is refused" {
  for garbage in many "" 0 -1 1x 99999999999; do
    LISTEN_FDS=$garbage refused $EX_CONFIG "LISTEN_FDS" -- 0=null
  done
}

@test "an invalid LISTEN_PID is refused" {
  LISTEN_PID=me refused $EX_CONFIG "LISTEN_PID" -- 0=null listen:"$BATS_TEST_TMPDIR/s"
}

@test "a closed descriptor within LISTEN_FDS is refused" {
  refused $EX_CONFIG "LISTEN_FDS" -- 0=null closed
  refused $EX_CONFIG "LISTEN_FDS" -- 0=null listen:"$BATS_TEST_TMPDIR/s" closed
}

@test "a file is refused" {
  refused $EX_CONFIG "descriptor 3" "not a socket" -- 0=null file
}

@test "a datagram socket is refused" {
  refused $EX_CONFIG "descriptor 3" "not a stream socket" "ListenStream=" -- 0=null datagram
  refused $EX_CONFIG "descriptor 3" "not a stream socket" "ListenStream=" -- 0=null udp
}

@test "a datagram socket after a valid listener is refused" {
  refused $EX_CONFIG "descriptor 4" "not a stream socket" "ListenStream=" -- \
    0=null listen:"$BATS_TEST_TMPDIR/s" udp
}

@test "a datagram socket as standard input is refused" {
  refused $EX_CONFIG "standard input" "not a stream socket" "ListenStream=" -- 0=datagram
  refused $EX_CONFIG "standard input" "not a stream socket" "ListenStream=" -- 0=udp
}

@test "a seqpacket socket is refused" {
  refused $EX_CONFIG "descriptor 3" "not a stream socket" "ListenStream=" -- 0=null seqpacket
  refused $EX_CONFIG "standard input" "not a stream socket" "ListenStream=" -- 0=seqpacket
}

@test "a netlink socket is refused" {
  refused $EX_CONFIG "descriptor 3" -- 0=null netlink
}

@test "a stream socket of another family is refused" {
  "$TESTS/hand-over" 0=foreign -- true || skip "this kernel has no such family"
  refused $EX_CONFIG "descriptor 3" "family" "AF_UNIX" "AF_INET" "AF_INET6" -- 0=null foreign
}

@test "several connections are refused" {
  refused $EX_CONFIG "several connections" -- 0=null connection connection
}

@test "a connection together with a listening socket is refused" {
  refused $EX_CONFIG "connection and a listening socket" -- \
    0=null connection listen:"$BATS_TEST_TMPDIR/s"
  refused $EX_CONFIG "connection and a listening socket" -- \
    0=null listen:"$BATS_TEST_TMPDIR/t" connection
}

@test "if the sockets are wrong, the app is not loaded" {
  run -$EX_NOINPUT timeout "$PATIENCE" "$PROGRAM" --python-path="$APPS" prints:app </dev/null
  [[ $output != *"printed by the app"* ]]
  # Control: the app prints when it is loaded.
  serve prints:app
  http /
  logged "printed by the app"
}

# ---- errors at start while clients wait ----

@test "wrong options: the client gets 500 with every activation" {
  local option
  for WAY in accept inetd listener server; do
    for option in --nonsense --spare=0 --trusted-proxy=unix:no-such-user; do
      : >"$LOG"
      serve "$option" hello:app
      equal "$WAY $option $(status /)" "$WAY $option 500"
      equal "$(exit_status)" $EX_USAGE
      equal "$(grep -cF -- "${option%%=*}" "$LOG")" 1
    done
  done
}

@test "wrong options: only the answer is written to the connection" {
  hand_over 012=accept:"$BATS_TEST_TMPDIR/s" -- --nonsense hello:app
  run -0 get "$BATS_TEST_TMPDIR/s" --include
  equal "$(tail -n1 <<<"$output")" "500 Internal Server Error"
  [[ $output == "HTTP/1.1 500 "* && $output != *nonsense* ]]
  ended_with $EX_USAGE
}

@test "wrong options: the exit status is EX_USAGE even if the client sends no request" {
  hand_over accept:"$BATS_TEST_TMPDIR/s" -- --nonsense hello:app
  eventually test -S "$BATS_TEST_TMPDIR/s"
  "$TESTS/talk" "$BATS_TEST_TMPDIR/s" end read
  ended_with $EX_USAGE
}

@test "wrong options: --check reports them without serving a client" {
  run -$EX_USAGE timeout "$PATIENCE" "$TESTS/hand-over" 0=null listen:"$BATS_TEST_TMPDIR/s" -- \
    "$PROGRAM" --check --nonsense hello:app
  contains "$output" nonsense
  equal "${#lines[@]}" 1
}

@test "a wrong socket next to a valid listener: the waiting client gets 500" {
  local wrong client asked=$BATS_TEST_TMPDIR/asked
  mkfifo "$asked"
  # The program starts after the client has sent its request.
  # shellcheck disable=SC2016 # expanded by the inner shell
  printf '#!/bin/sh\nread -r _ <"%s"\nexec "%s" "$@"\n' "$asked.go" "$PROGRAM" >"$asked.sh"
  chmod +x "$asked.sh"
  mkfifo "$asked.go"
  for wrong in datagram udp seqpacket file; do
    PROGRAM=$asked.sh hand_over "$wrong" listen:"$BATS_TEST_TMPDIR/$wrong" -- hello:app
    eventually test -S "$BATS_TEST_TMPDIR/$wrong"
    "$TESTS/talk" "$BATS_TEST_TMPDIR/$wrong" send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' \
      meet "$asked" read >"$BATS_TEST_TMPDIR/answer" 3>&- 4>&- &
    client=$!
    read_fifo "$asked"
    write_fifo "$asked.go" $'go\n'
    wait "$client"
    contains "$(<"$BATS_TEST_TMPDIR/answer")" "HTTP/1.1 500 "
    ended_with $EX_CONFIG
    logged "descriptor 3 is not"
  done
}

@test "a wrapper that starts the program as its child: the waiting client gets 500" {
  local wrapper=$BATS_TEST_TMPDIR/wrapper
  printf '#!/bin/sh\n"%s" "$@"\n' "$PROGRAM" >"$wrapper"
  chmod +x "$wrapper"
  PROGRAM=$wrapper WAY=server serve hello:app
  equal "$(status /)" 500
  equal "$(exit_status)" $EX_NOINPUT
  logged "run wsgi-once itself in ExecStart="
}

# ---- rare but valid ----

@test "the program works with closed standard descriptors" {
  for closed in 0 1 2 01 12 02 012; do
    hand_over $closed=closed accept:"$BATS_TEST_TMPDIR/$closed" -- prints:app
    equal "$(get "$BATS_TEST_TMPDIR/$closed")" "the answer"
    ended_with 0
  done
}

@test "of several listeners, the one with a client is served" {
  for client in a b; do
    hand_over listen:"$BATS_TEST_TMPDIR/$client.a" listen:"$BATS_TEST_TMPDIR/$client.b" \
      listen-tcp:"$BATS_TEST_TMPDIR/$client.c" -- --single hello:app
    equal "$(get "$BATS_TEST_TMPDIR/$client.$client")" "Hello."
    ended_with 0
  done
  hand_over listen:"$BATS_TEST_TMPDIR/a" listen-tcp:"$BATS_TEST_TMPDIR/port" -- \
    --single hello:app
  eventually test -f "$BATS_TEST_TMPDIR/port"
  equal "$(curl --silent --max-time "$PATIENCE" \
    "http://127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")/")" "Hello."
  ended_with 0
}

@test "a listening socket as standard input is served" {
  hand_over 0=listen:"$BATS_TEST_TMPDIR/s" -- --single hello:app
  equal "$(get "$BATS_TEST_TMPDIR/s")" "Hello."
  ended_with 0
}

@test "if all standard streams are the connection, only the answer is written to it" {
  hand_over 012=accept:"$BATS_TEST_TMPDIR/a" -- prints:app
  equal "$(get "$BATS_TEST_TMPDIR/a")" "the answer"
  ended_with 0
  hand_over 012=accept:"$BATS_TEST_TMPDIR/b" -- raises:app
  run -0 get "$BATS_TEST_TMPDIR/b" --include
  [[ $output == "HTTP/1.1 500 "* ]]
  [[ $output != *Traceback* && $output != *ValueError* && $output != *wsgi-once:* ]]
  ended_with 0
  hand_over 012=accept:"$BATS_TEST_TMPDIR/c" -- there_is_no:app
  run -0 get "$BATS_TEST_TMPDIR/c" --include
  [[ $output == "HTTP/1.1 500 "* ]]
  [[ $output != *Traceback* && $output != *there_is_no* && $output != *wsgi-once:* ]]
  ended_with 70
}

# ---- systemd-socket-activate(1) ----

# activate [OPTION]...: runs systemd-socket-activate(1), which listens at $SOCKET and starts the
# program. It passes on only the environment variables named by --setenv.
activate() {
  local name environment=()
  for name in PYTHONDONTWRITEBYTECODE PYTHONMALLOC ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS; do
    [[ ! -v $name ]] || environment+=(--setenv="$name=${!name}")
  done
  SOCKET=$BATS_TEST_TMPDIR/socket
  systemd-socket-activate --listen="$SOCKET" "${environment[@]}" "$@" \
    "$PROGRAM" --access-log=none --idle-timeout=50ms --python-path="$APPS" prints:app \
      </dev/null >>"$LOG" 2>&1 3>&- 4>&- &
  ACTIVATOR=$!
  logged "Listening on"
}

@test "systemd-socket-activate starts the program" {
  activate
  equal "$(get "$SOCKET")" "the answer"
  ended_with 0
}

@test "systemd-socket-activate --accept starts the program for each connection" {
  activate --accept
  equal "$(get "$SOCKET")" "the answer"
  equal "$(get "$SOCKET")" "the answer"
  kill "$ACTIVATOR"
  ended_with $((128 + 15))
}

@test "systemd-socket-activate --accept --inetd starts the program for each connection" {
  activate --accept --inetd
  equal "$(get "$SOCKET")" "the answer"
  kill "$ACTIVATOR"
  ended_with $((128 + 15))
}

@test "systemd-socket-activate --inetd starts the program" {
  activate --inetd
  equal "$(get "$SOCKET")" "the answer"
  ended_with 0
}

@test "--single: the program exits after --head-timeout if no client connects" {
  run -0 timeout "$PATIENCE" "$TESTS/hand-over" 0=null "listen:$BATS_TEST_TMPDIR/quiet" -- \
    "$PROGRAM" --single --head-timeout=200ms hello:app
  equal "$output" ""
}

# ---- ownership of the socket ----

@test "the program never binds, listens on, unlinks or changes the socket it was passed" {
  TRACED=$PROGRAM
  PROGRAM=$BATS_TEST_TMPDIR/traced
  TRACE=$BATS_TEST_TMPDIR/trace
  OWNING=bind,listen,unlink,unlinkat,rename,chmod,fchmod,fchmodat,chown,fchown,fchownat
  # -D: the program itself stays the process that LISTEN_PID names. Leak detection is off because it
  # needs ptrace(2), which strace uses.
  printf '#!/bin/sh\nexec strace -D -f -o "%s" -e "trace=%s" "%s" "$@"\n' \
    "$TRACE" "$OWNING,shutdown,accept,accept4,read,recvfrom,recvmsg" "$TRACED" >"$PROGRAM"
  chmod +x "$PROGRAM"
  export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  for family in unix tcp; do
    for way in accept inetd listener server; do
      WAY=$way FAMILY=$family serve hello:app
      equal "$(http /)" "Hello."
      equal "$(exit_status)" 0
      eventually grep -q "exited with 0" "$TRACE"
      run -1 grep -E "(${OWNING//,/|})\(" "$TRACE"
      # Control: the trace contains the socket calls, which strace may split into two lines.
      grep -qE '(recvfrom|recvmsg|read)(\(| resumed>).*GET / HTTP' "$TRACE"
      grep -q 'shutdown(' "$TRACE"
      if [[ $way == listener || $way == server ]]; then
        grep -qE 'accept4?\(3, ' "$TRACE"
        run -1 grep -F 'shutdown(3,' "$TRACE"
      fi
    done
  done
}

@test "the socket file is unchanged after the process has exited" {
  WAY=listener FAMILY=unix serve hello:app
  before=$(stat --format='%i %a %u %g %z' "$ADDRESS")
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  equal "$(stat --format='%i %a %u %g %z' "$ADDRESS")" "$before"
}
