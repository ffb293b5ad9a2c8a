#!/usr/bin/env bats
# ways: floods
# lasts: 60 s

# Apps under systemd when many requests arrive at once, when apps fail, and when they use too many
# resources: with both activations, and the shipped units and sandbox.

load installed

ACCEPT=("[Socket]" "Accept=yes")

is_listening() {
  [[ $(show_of "$UNIT.socket" SubState) == @(listening|running) &&
    $(show_of "$UNIT.socket" Result) == success ]]
}

# ---- many requests ------------------------------------------------------------------------------

@test "a server answers 1,000 requests of 8 clients" {
  app many hello:app
  equal "$(flood 1000 8)" "1000 200"
}

@test "services of connections answer 1,000 requests of 8 clients" {
  app many hello:app "${ACCEPT[@]}"
  equal "$(flood 1000 8)" "1000 200"
  equal "$(show_of "$UNIT.socket" NAccepted)" 1000
}

@test "a server answers 1,000 clients that connect at once" {
  app many hello:app
  equal "$(flood 1000)" "1000 200"
  is_listening
  equal "$(flood 100 8)" "100 200"
}

# All clients are in the queue before the first one sends its request. The first services may end
# while systemd still accepts the last connections.
@test "of 1,000 connections at once, MaxConnections= are served, and the socket stays active" {
  app many hello:app "${ACCEPT[@]}"
  run -0 flood 1000
  # Since systemd 255, PollLimitBurst= slows down accepting, so all of them may be served.
  [[ $output =~ ^([0-9]+)" 200"($'\n'([0-9]+)" closed")?$ ]]
  ((BASH_REMATCH[1] >= 256 && BASH_REMATCH[1] + ${BASH_REMATCH[3]:-0} == 1000))
  is_listening
  equal "$(flood 100 8)" "100 200"
}

@test "the control: without TriggerLimitIntervalSec=0 the socket fails for good" {
  app many hello:app "${ACCEPT[@]}"
  drop_in "$UNIT.socket" "[Socket]" "TriggerLimitIntervalSec=1h" "TriggerLimitBurst=20"
  inside systemctl restart "$UNIT.socket"
  run flood 30 1
  contains "$output" "20 200"
  equal "$(show_of "$UNIT.socket" Result)" trigger-limit-hit
  run ! is_listening
}

# ---- failures -----------------------------------------------------------------------------------

# fails_often HOW OUTCOME: 200 requests of 8 clients fail like this; then requests succeed again.
fails_often() {
  echo "$1" >"$ROOT/run/failing"
  equal "$(flood 200 8)" "200 $2"
  rm "$ROOT/run/failing"
  eventually answers "Hello." # the last process that failed may still run
  equal "$(flood 20 4)" "20 200"
  eventually few_units_remain
  is_listening
}

# The socket, and for a listener perhaps the service. No services of connections.
few_units_remain() {
  (($(units | wc -l) <= 2))
}

@test "a server whose import fails answers 200 requests with 500, and recovers" {
  app failing fails_when_told:app
  fails_often import 500
}

# By default systemd refuses the sixth start within ten seconds, and the socket fails with it.
@test "a server that failed often in a short time is started again" {
  local times
  app failing fails_when_told:app
  echo import >"$ROOT/run/failing"
  for ((times = 0; times < 8; times++)); do
    equal "$(flood 1)" "1 500"
    eventually shows ActiveState failed
  done
  rm "$ROOT/run/failing"
  equal "$(http /)" "Hello."
}

@test "a server keeps running when 200 requests crash" {
  app failing fails_when_told:app "[Service]" "LimitCORE=0"
  fails_often request closed
}

@test "200 services of connections whose import fails do not accumulate" {
  app failing fails_when_told:app "${ACCEPT[@]}"
  fails_often import 500
}

@test "200 services of connections that crash do not accumulate" {
  app failing fails_when_told:app "${ACCEPT[@]}" "[Service]" "LimitCORE=0"
  fails_often request closed
}

@test "the control: without CollectMode= they accumulate" {
  app failing fails_when_told:app "${ACCEPT[@]}"
  drop_in "$UNIT@.service" "[Unit]" "CollectMode=inactive"
  echo import >"$ROOT/run/failing"
  flood 10 4
  rm "$ROOT/run/failing"
  eventually have_failed 10
}

have_failed() { # count
  (($(units | grep -c ' failed ') == $1))
}

@test "systemctl status shows why a server failed" {
  app failing fails_when_told:app
  echo import >"$ROOT/run/failing"
  flood 1
  eventually shows ActiveState failed
  rm "$ROOT/run/failing"
  # This query does not keep the unit in memory: it stays failed after others were loaded.
  conf other hello:app
  inside systemctl daemon-reload
  equal "$(units | grep -c "^$SERVICE .* failed ")" 1
  run -3 inside systemctl status --no-pager "$SERVICE"
  contains "$output" "status=70"
  contains "$output" "told to fail"
}

# ---- too many resources -------------------------------------------------------------------------

@test "a connection's service that exceeds MemoryMax= is killed, others are not" {
  needs_controller memory
  app hungry eats_memory:app "${ACCEPT[@]}" "[Service]" "MemoryMax=60M" "MemorySwapMax=0"
  http /eat >"$BATS_TEST_TMPDIR/eaten" 2>&1 &
  local eating=$!
  equal "$(flood 20 4)" "20 200"
  wait "$eating" || :
  # With cgroups v1 systemd does not see the reason.
  eventually has_failed_with '(oom-kill|signal)'
  equal "$(inside journalctl --output cat --unit "$SERVICE" | grep -c "Failed with result")" 1
  contains "$(cat "$BATS_TEST_TMPDIR/eaten")" "Empty reply"
  # Its journal names the request, which the killed process could not.
  local killed
  killed=$(inside journalctl --output json --unit "$SERVICE" |
    sed -n "/Failed with result/s/.*\"UNIT\" *: *\"\([^\"]*\)\".*/\1/p")
  contains "$(inside journalctl --output cat --unit "$killed")" "GET /eat: begins"
}

has_failed_with() { # pattern of results
  inside journalctl --output cat --unit "$SERVICE" | grep -qE "Failed with result '$1'"
}

@test "a server's worker that exceeds MemoryMax= is killed, and the server keeps running" {
  needs_controller memory
  app hungry eats_memory:app "[Service]" "MemoryMax=100M" "MemorySwapMax=0"
  http /hello
  local before
  before=$(show InvocationID)
  run http /eat
  ((status != 0))
  equal "$(flood 20 4)" "20 200"
  keeps_invocation "$before"
  eventually names_what_was_killed
}

names_what_was_killed() {
  inside journalctl --output cat --unit "$SERVICE" WSGI_TARGET=/eat |
    grep -qE '^GET /eat: worker [0-9]+ was killed by signal 9'
}

# ---- start and stop -----------------------------------------------------------------------------

# Prints the processes of the app, of any user.
processes_of_app() {
  inside pgrep --full '^/usr/local/bin/wsgi-once'
}

nothing_runs() {
  [[ -z $(processes_of_app) ]]
}

@test "an idle app has no process, and the next request is answered" {
  app idle hello:app "IdleTimeout=100ms"
  nothing_runs
  equal "$(http /)" "Hello."
  eventually shows ActiveState inactive
  nothing_runs
  equal "$(show ControlGroup)" ""
  equal "$(http /)" "Hello."
}

@test "a connection's service leaves no process" {
  app idle hello:app "${ACCEPT[@]}"
  equal "$(http /)" "Hello."
  eventually nothing_runs
}

@test "a socket still works after it was restarted often" {
  local times
  app restarted hello:app
  for ((times = 0; times < 8; times++)); do
    inside systemctl restart "$UNIT.socket"
  done
  equal "$(http /)" "Hello."
}

@test "a stopped socket accepts no connections" {
  app closed hello:app
  equal "$(http /)" "Hello."
  inside systemctl stop "$UNIT.socket"
  equal "$(flood 3)" "3 refused"
  eventually nothing_runs # the service requires its socket
}

@test "an app that is stopped, restarted and reloaded under load loses no request" {
  local verb failed=
  app loaded hello:app
  flood_until "$BATS_TEST_TMPDIR/enough" >"$BATS_TEST_TMPDIR/outcomes" 3>&- &
  local flooding=$!
  # If the unit is inactive, the socket may cancel the stop job by starting it.
  for verb in stop restart reload stop restart reload; do
    eventually shows StatusText "$HAS_SERVED" &&
      inside systemctl --quiet "$verb" "$SERVICE" || failed=$verb
  done
  eventually shows StatusText "$HAS_SERVED" || failed=end
  touch "$BATS_TEST_TMPDIR/enough" # end the load in any case
  wait "$flooding"
  equal "$failed" ""
  equal "$(sort -u "$BATS_TEST_TMPDIR/outcomes")" "100 200"
}

HAS_SERVED='*: [1-9]* served*'

# flood_until FILE: sends requests until the file exists; prints a line for each 100 requests.
flood_until() {
  until [[ -e $1 ]]; do
    flood 100 8
  done
}

@test "a server that hangs is killed by the watchdog, and the next request is answered" {
  app hanging hello:app "IdleTimeout=1h" "[Service]" "WatchdogSec=1s"
  equal "$(http /)" "Hello."
  local server
  server=$(show MainPID)
  inside kill -STOP "$server"
  eventually shows Result watchdog
  equal "$(http /)" "Hello."
  (($(show MainPID) != server))
}
