#!/usr/bin/env bats
# ways: load

# Units of a real systemd, which is booted once for all tests: see tests/with-systemd. Its files,
# including sockets and fifos, are visible from the outside below $ROOT.

load booted

# Prints the service types that report the end of a reload.
notify_types() {
  echo notify
  if (($(systemd_version) >= 253)); then echo notify-reload; fi
}

# under_load COMMAND...: clients send requests without a pause while the command is run several
# times, each time with the service active. No client gets an error. (For each second of its
# timeout, wrk allocates 8 MB.)
under_load() {
  local report=$BATS_TEST_TMPDIR/report wrk status=0
  nsenter --net --target "$SYSTEMD" wrk --connections 8 --threads 1 --timeout 60 \
    --duration 300 http://127.0.0.1:8000/ >"$report" 2>&1 3>&- &
  wrk=$!
  eventually shows StatusText '*: [1-9]* served*' || status=1
  for _ in 1 2 3 4 5 6; do
    eventually shows ActiveState active && "$@" || status=1
  done
  kill -INT "$wrk" # makes it print its report
  wait "$wrk"
  cat "$report"
  ((status == 0)) && grep -q '^Requests/sec: *[1-9]' "$report" &&
    ! grep -E 'Non-2xx|Socket errors' "$report"
}

@test "the first connection starts the service, which reports its state to systemd" {
  unit "--idle-timeout=1h --spare=2 pauses:app"
  mkfifo "$FIFOS/pause"
  equal "$(show ActiveState)" inactive
  http / >"$BATS_TEST_TMPDIR/answer" &
  eventually shows StatusText '*0 served, 1 running*2 spare*'
  equal "$(show ActiveState)" active
  equal "$(inside cat "/proc/$(show MainPID)/comm")" wsgi-once
  write_fifo "$FIFOS/pause"
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" onetwo
  eventually shows StatusText '*1 served, 0 running*2 spare*exits at ??:??:??*'
}

@test "an idle service exits with success, and the next connection starts it again" {
  unit "--idle-timeout=100ms hello:app"
  equal "$(http /)" "Hello."
  eventually shows ActiveState inactive
  equal "$(show Result) $(show ExecMainStatus)" "success 0"
  equal "$(inside systemctl show --property SubState --value "$UNIT.socket")" listening
  local before
  before=$(show ExecMainStartTimestampMonotonic)
  equal "$(http /)" "Hello."
  (($(show ExecMainStartTimestampMonotonic) > before))
}

@test "a request that is running when the unit is stopped gets its whole answer" {
  unit "pauses:app"
  mkfifo "$FIFOS/pause"
  http / >"$BATS_TEST_TMPDIR/answer" &
  eventually shows StatusText '*1 running*'
  inside systemctl stop --no-block "$SERVICE"
  eventually shows StatusText 'Stopping*1 running*'
  equal "$(show ActiveState)" deactivating
  write_fifo "$FIFOS/pause"
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" onetwo
  eventually shows ActiveState inactive
  equal "$(show Result) $(show ExecMainStatus)" "success 0"
}

@test "systemctl restart under load fails no request" {
  unit "hello:app"
  under_load inside systemctl restart "$SERVICE"
  equal "$(show Result)" success
}

@test "systemctl stop under load fails no request" {
  unit "hello:app"
  under_load inside systemctl stop "$SERVICE"
  equal "$(show Result)" success
}

@test "systemctl reload under load fails no request and keeps the process" {
  local type before
  for type in $(notify_types); do
    unit "hello:app" "Type=$type"
    http /
    before=$(show InvocationID)
    under_load inside systemctl reload "$SERVICE"
    keeps_invocation "$before"
    inside systemctl stop "$UNIT.socket" "$SERVICE"
  done
}

@test "systemctl reload loads the changed app unless it is broken" {
  local app=$ROOT$PLACE/changing.py type before
  for type in $(notify_types); do
    cp "$APPS/hello.py" "$app"
    unit "$PLACE/changing.py" "Type=$type"
    equal "$(http /)" "Hello."
    before=$(show InvocationID)
    sed 's/Hello/Goodbye/' "$APPS/hello.py" >"$app"
    inside systemctl reload "$SERVICE"
    eventually answers "Goodbye."
    echo "broken_$type" | tr - _ >"$app"
    inside systemctl reload "$SERVICE"
    eventually has_logged "NameError: name '$(cat "$app")' is not defined"
    eventually shows StatusText 'Serving*'
    equal "$(http /)" "Goodbye."
    keeps_invocation "$before"
    inside systemctl stop "$UNIT.socket" "$SERVICE"
  done
}

@test "if the import fails, waiting clients get 500, the unit fails, and the next client retries" {
  local client clients=()
  unit "told_at_import:app"
  mkfifo "$FIFOS/import"
  for client in 1 2 3; do
    mkfifo "$FIFOS/$client"
    talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' meet "$FIFOS/$client" read \
      >"$BATS_TEST_TMPDIR/$client" &
    clients+=($!)
    read_fifo "$FIFOS/$client" # it has sent its request
  done
  write_fifo "$FIFOS/import" broken
  for client in 1 2 3; do
    wait "${clients[client - 1]}"
    contains "$(cat "$BATS_TEST_TMPDIR/$client")" "HTTP/1.1 500 "
  done
  eventually shows ActiveState failed
  equal "$(show Result) $(show ExecMainStatus)" "exit-code 70"
  eventually has_logged "told to be broken"
  rm "$FIFOS/import"
  equal "$(http /)" "Hello."
  equal "$(show ActiveState)" active
}

# has_failed TIMES: exactly that many starts of the service have failed.
has_failed() {
  (($(inside journalctl --output cat --unit "$SERVICE" | grep -c "Failed with result") == $1))
}

# fails_at_start STATUS MESSAGE: clients are answered 500, and the service fails with that status
# once for each client. FAILED is the number of earlier failures.
fails_at_start() {
  local n before=${FAILED:-0}
  for n in 1 2; do
    equal "$(http /)" "500 Internal Server Error"
    eventually has_failed $((before + n))
  done
  eventually shows ActiveState failed
  equal "$(show Result) $(show ExecMainStatus)" "exit-code $1"
  has_logged "$2"
  has_failed $((before + 2))
}

@test "an unknown user in an option: waiting clients get 500, the unit fails once for each" {
  unit "--trusted-proxy=unix:no-such-user hello:app"
  fails_at_start 64 "no such user"
}

@test "an unknown option: waiting clients get 500, the unit fails once for each" {
  unit "--nonsense hello:app"
  fails_at_start 64 "unknown or ambiguous option '--nonsense'"
}

@test "a server without descriptors: waiting clients get 500, the unit fails once for each" {
  unit "hello:app" "LimitNOFILE=8"
  fails_at_start 71 "Too many open files"
}

# Data waiting at such a socket would start the service again as well.
@test "a socket of the wrong type next to a valid one: waiting clients get 500, the unit fails" {
  mkdir -p "$ROOT/run/systemd/system/$UNIT.socket.d"
  printf '%s\n' "[Socket]" "ListenDatagram=$PLACE/datagrams" \
    >"$ROOT/run/systemd/system/$UNIT.socket.d/wrong.conf"
  unit "hello:app"
  inside /usr/bin/python3 -IS -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
s.send(b"one")
s.send(b"two")' "$PLACE/datagrams"
  eventually has_failed 1
  FAILED=1 fails_at_start 78 "descriptor 5 is not a stream socket"
}

@test "an import can take longer than TimeoutStartSec=" {
  unit "told_at_import:app" "TimeoutStartSec=2s"
  mkfifo "$FIFOS/import"
  http / >"$BATS_TEST_TMPDIR/answer" &
  eventually shows ActiveState activating
  local begun invocation
  begun=$(show InactiveExitTimestampMonotonic)
  invocation=$(show InvocationID)
  eventually has_been "$((begun + 3000000))"
  equal "$(show ActiveState)" activating
  write_fifo "$FIFOS/import" "all is well"
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "Hello."
  keeps_invocation "$invocation"
}

has_been() { # a time in microseconds
  local uptime
  read -r uptime _ </proc/uptime
  ((${uptime/./}0000 > $1))
}

# fed TIMES: waits until the watchdog has been fed that many times.
fed() {
  local times before
  for ((times = 0; times < $1; times++)); do
    before=$(show WatchdogTimestampMonotonic)
    eventually is_fed_after "$before"
  done
}

is_fed_after() {
  (($(show WatchdogTimestampMonotonic) > $1))
}

@test "the watchdog is fed while the server is idle and while a request is running" {
  unit "--idle-timeout=1h held:app" "WatchdogSec=2s"
  mkfifo "$FIFOS/hold"
  inside systemctl start "$SERVICE"
  local before
  before=$(show InvocationID)
  # At least every two seconds, or systemd kills the service.
  fed 4
  http / >"$BATS_TEST_TMPDIR/answer" &
  open_fifo "$FIFOS/hold"
  fed 4
  exec 5>&-
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "Held."
  keeps_invocation "$before"
}

@test "the watchdog detects a template that hangs, and the next connection starts a new server" {
  unit "--idle-timeout=1h hello:app" "WatchdogSec=1s"
  http /
  local server template
  server=$(show MainPID)
  template=$(cat "$ROOT/proc/$server/task/$server/children")
  inside kill -STOP "${template% }"
  eventually shows Result watchdog
  eventually shows ActiveState failed
  equal "$(http /)" "Hello."
  (($(show MainPID) != server))
}

@test "a killed template is replaced, and the service keeps running" {
  unit "--idle-timeout=1h hello:app"
  http /
  local server template before
  server=$(show MainPID)
  before=$(show InvocationID)
  template=$(cat "$ROOT/proc/$server/task/$server/children")
  inside kill -KILL "${template% }"
  equal "$(http /)" "Hello."
  keeps_invocation "$before"
}

@test "a request that exceeds MemoryMax= is killed, and the service keeps running" {
  unit "--idle-timeout=1h eats_memory:app" "MemoryMax=100M" "MemorySwapMax=0" "OOMPolicy=continue"
  http /hello
  needs_controller memory
  local before
  before=$(show InvocationID)
  run http /eat
  ((status != 0))
  eventually has_logged "GET /eat: "
  has_logged "signal 9"
  equal "$(http /hello)" "Hello."
  keeps_invocation "$before"
}

@test "a process left by a request in its own session ends with the unit" {
  local daemon
  unit "--idle-timeout=1h leaves_daemon:app"
  daemon=$(http /)
  eventually shows StatusText '*1 served*'
  inside kill -0 "$daemon"
  inside systemctl stop "$SERVICE"
  run inside kill -0 "$daemon"
  ((status != 0))
}
