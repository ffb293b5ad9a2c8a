#!/usr/bin/env bats
# ways: floods
# lasts: 60 s

# Apps under systemd when many come at once, when they fail, and when they take too much: in both
# activations, with the units and the sandbox that are shipped.

load installed

ACCEPT=("[Socket]" "Accept=yes")

is_listening() {
  [[ $(show_of "$UNIT.socket" SubState) == @(listening|running) &&
    $(show_of "$UNIT.socket" Result) == success ]]
}

# ---- many ---------------------------------------------------------------------------------------

@test "a server answers 1,000 requests of 8 clients" {
  app many hello:app
  equal "$(flood 1000 8)" "1000 200"
}

@test "services of connections answer 1,000 requests of 8 clients" {
  app many hello:app "${ACCEPT[@]}"
  equal "$(flood 1000 8)" "1000 200"
  equal "$(show_of "$UNIT.socket" NAccepted)" 1000
}

@test "a server answers 1,000 clients that come at once" {
  app many hello:app
  equal "$(flood 1000)" "1000 200"
  is_listening
  equal "$(flood 100 8)" "100 200"
}

# All clients are in the queue before the first one asks; the first services may end while systemd
# still takes the last ones from it.
@test "of 1,000 connections at once, MaxConnections= are served, and the socket goes on" {
  app many hello:app "${ACCEPT[@]}"
  run -0 flood 1000
  # From systemd 255 on PollLimitBurst= slows it down, so that all may have their turn.
  [[ $output =~ ^([0-9]+)" 200"($'\n'([0-9]+)" closed")?$ ]]
  ((BASH_REMATCH[1] >= 256 && BASH_REMATCH[1] + ${BASH_REMATCH[3]:-0} == 1000))
  is_listening
  equal "$(flood 100 8)" "100 200"
}

@test "without TriggerLimitIntervalSec=0 a socket would be given up for good" {
  app many hello:app "${ACCEPT[@]}"
  drop_in "$UNIT.socket" "[Socket]" "TriggerLimitIntervalSec=1h" "TriggerLimitBurst=20"
  inside systemctl restart "$UNIT.socket"
  run flood 30 1
  contains "$output" "20 200"
  equal "$(show_of "$UNIT.socket" Result)" trigger-limit-hit
  run ! is_listening
}

# ---- failing ------------------------------------------------------------------------------------

# fails_often HOW OUTCOME: 200 requests of 8 clients fail so, and afterwards all is well.
fails_often() {
  echo "$1" >"$ROOT/run/failing"
  equal "$(flood 200 8)" "200 $2"
  rm "$ROOT/run/failing"
  eventually answers "Hello." # the last one that failed may still be there
  equal "$(flood 20 4)" "20 200"
  eventually are_few
  is_listening
}

# The socket, perhaps the service of a listener; of those of connections none.
are_few() {
  (($(units | wc -l) <= 2))
}

@test "a server whose import fails answers 200 requests so, and is served again when it is mended" {
  app failing fails_when_told:app
  fails_often import 500
}

# systemd would refuse the sixth start within ten seconds, and give up the socket with it.
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

@test "a server whose requests crash 200 times goes on" {
  app failing fails_when_told:app "[Service]" "LimitCORE=0"
  fails_often request closed
}

@test "200 services of connections whose import fails do not pile up" {
  app failing fails_when_told:app "${ACCEPT[@]}"
  fails_often import 500
}

@test "200 services of connections that crash do not pile up" {
  app failing fails_when_told:app "${ACCEPT[@]}" "[Service]" "LimitCORE=0"
  fails_often request closed
}

@test "without CollectMode= they would pile up" {
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

@test "systemctl status still tells why a server failed" {
  app failing fails_when_told:app
  echo import >"$ROOT/run/failing"
  flood 1
  eventually shows ActiveState failed
  rm "$ROOT/run/failing"
  # Whoever asks is not the one who keeps it: others have been asked about since.
  conf other hello:app
  inside systemctl daemon-reload
  equal "$(units | grep -c "^$SERVICE .* failed ")" 1
  run -3 inside systemctl status --no-pager "$SERVICE"
  contains "$output" "status=70"
  contains "$output" "told to fail"
}

# ---- too much -----------------------------------------------------------------------------------

@test "a connection's service that takes too much memory is killed, and no other" {
  needs_controller memory
  app hungry eats_memory:app "${ACCEPT[@]}" "[Service]" "MemoryMax=60M" "MemorySwapMax=0"
  http /eat >"$BATS_TEST_TMPDIR/eaten" 2>&1 &
  local eating=$!
  equal "$(flood 20 4)" "20 200"
  wait "$eating" || :
  # With cgroups of v1 systemd does not know why it was killed.
  eventually has_failed_with '(oom-kill|signal)'
  equal "$(inside journalctl --output cat --unit "$SERVICE" | grep -c "Failed with result")" 1
  contains "$(cat "$BATS_TEST_TMPDIR/eaten")" "Empty reply"
  # Its own journal says which request that was, though the process could not.
  local killed
  killed=$(inside journalctl --output json --unit "$SERVICE" |
    sed -n "/Failed with result/s/.*\"UNIT\" *: *\"\([^\"]*\)\".*/\1/p")
  contains "$(inside journalctl --output cat --unit "$killed")" "GET /eat: begins"
}

has_failed_with() { # pattern of results
  inside journalctl --output cat --unit "$SERVICE" | grep -qE "Failed with result '$1'"
}

@test "a server's request that takes too much memory is killed, and the server goes on" {
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

# ---- beginning and end --------------------------------------------------------------------------

# Prints the processes of the app, whoever they belong to.
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

@test "a socket that is restarted often is still wanted" {
  local times
  app restarted hello:app
  for ((times = 0; times < 8; times++)); do
    inside systemctl restart "$UNIT.socket"
  done
  equal "$(http /)" "Hello."
}

@test "what is stopped accepts nobody" {
  app closed hello:app
  equal "$(http /)" "Hello."
  inside systemctl stop "$UNIT.socket"
  equal "$(flood 3)" "3 refused"
  eventually nothing_runs # the service needs its socket
}

@test "an app that is stopped, restarted and reloaded under load loses no request" {
  local verb failed=
  app loaded hello:app
  flood_until "$BATS_TEST_TMPDIR/enough" >"$BATS_TEST_TMPDIR/outcomes" 3>&- &
  local flooding=$!
  # A stop of what is not there yet is cancelled when the socket starts it meanwhile.
  for verb in stop restart reload stop restart reload; do
    eventually shows StatusText "$HAS_SERVED" &&
      inside systemctl --quiet "$verb" "$SERVICE" || failed=$verb
  done
  eventually shows StatusText "$HAS_SERVED" || failed=end
  touch "$BATS_TEST_TMPDIR/enough" # whatever happened: the load has to end
  wait "$flooding"
  equal "$failed" ""
  equal "$(sort -u "$BATS_TEST_TMPDIR/outcomes")" "100 200"
}

HAS_SERVED='*: [1-9]* served*'

# flood_until FILE: until the file is there; a line for each 100 requests.
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
