# shellcheck shell=bash
# What the suites share whose units run under a real systemd, beyond helpers.bash. It is booted once
# for all tests of a file: see tests/with-systemd. The files in there are below $ROOT on the
# outside, sockets and fifos included.

load helpers

setup_file() {
  boot
}

# Sets SYSTEMD: the process, or nothing if this machine does not allow it.
boot() {
  # shellcheck disable=SC2016 # for the shell in there
  coproc BOOTED {
    exec "$TESTS/with-systemd" -- sh -c 'echo "$WITH_SYSTEMD" && exec cat' \
      2>"$BATS_FILE_TMPDIR/complaint" 3>&- 4>&-
  }
  export BOOTED_BY=$BOOTED_PID
  # bats 1.8 cannot skip here.
  read -r SYSTEMD <&"${BOOTED[0]}" || SYSTEMD=
  export SYSTEMD
  if [[ -z $SYSTEMD ]]; then
    local status=0
    wait "$BOOTED_BY" || status=$?
    cat "$BATS_FILE_TMPDIR/complaint" >&2
    ((status == 77))
  fi
}

# needs_controller NAME: of cgroups. A systemd that knows v2 only has none of those which are in v1
# here: a test that takes one is impossible then, and not left out.
needs_controller() {
  # shellcheck disable=SC2016 # for the shell in there
  inside sh -c '[ -e "/sys/fs/cgroup/$0" ] || grep -qsw "$0" /sys/fs/cgroup/cgroup.controllers' \
    "$1" || skip "impossible: systemd has no $1 controller here"
}

teardown_file() {
  [[ -n $SYSTEMD ]] || return 0
  kill "$BOOTED_BY"
  wait "$BOOTED_BY" || :
}

setup() {
  [[ -n $SYSTEMD ]] || skip "$(cat "$BATS_FILE_TMPDIR/complaint")"
  ROOT=/proc/$SYSTEMD/root
  UNIT=test-$BATS_TEST_NUMBER
  SERVICE=$UNIT.service
  PLACE=/run/$UNIT # of its files: in there
  # shellcheck disable=SC2034 # for the tests
  FIFOS=$ROOT$PLACE
  ADDRESS=$ROOT$PLACE/socket
  # shellcheck disable=SC2034 # for http
  TARGET=(--unix-socket "$ADDRESS")
  # shellcheck disable=SC2034
  ORIGIN=http://localhost
  mkdir "$ROOT$PLACE"
}

teardown() {
  [[ -n $SYSTEMD ]] || return 0
  if [[ -z $BATS_TEST_COMPLETED ]]; then
    inside systemctl status --no-pager "$UNIT.socket" "$SERVICE" || :
    inside journalctl --no-pager --unit "$SERVICE" || :
  fi
  inside systemctl stop "$UNIT.socket"
  # What a failed test has left waiting would make the stop wait, too.
  inside systemctl kill --signal=KILL "$SERVICE" 2>/dev/null || :
  inside systemctl stop "$SERVICE"
}

inside() {
  nsenter --mount --uts --ipc --net --pid --cgroup --target "$SYSTEMD" "$@" 3>&-
}

systemd_version() {
  inside systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p'
}

# unit ARGUMENTS [SERVICE-LINE]...: installs and starts the socket of a service that runs the
# program with these arguments. It is as the manual page shows it, but for the lines.
unit() {
  local arguments=$1 units=$ROOT/run/systemd/system
  shift
  mkdir -p "$units"
  printf '%s\n' >"$units/$UNIT.socket" "[Socket]" "ListenStream=$PLACE/socket" \
    "ListenStream=127.0.0.1:8000"
  printf '%s\n' >"$units/$SERVICE" "[Unit]" "StartLimitIntervalSec=0" "[Service]" "Type=notify" \
    "ExecStart=$(realpath "$PROGRAM") --python-path=$APPS $arguments" \
    "ExecReload=kill -HUP \$MAINPID" \
    "Environment=PYTHONDONTWRITEBYTECODE=1 FIFOS=$PLACE" "LimitCORE=0" "$@"
  inside systemctl daemon-reload
  inside systemctl start "$UNIT.socket"
}

# show PROPERTY: of the service.
show() {
  inside systemctl show --property "$1" --value "$SERVICE"
}

# shows PROPERTY PATTERN: matches what systemd shows?
shows() {
  # shellcheck disable=SC2053 # a pattern
  [[ $(show "$1") == $2 ]]
}

answers() { # text
  [[ $(http /) == "$1" ]]
}

has_logged() { # text
  inside journalctl --output cat --unit "$SERVICE" | grep -qF -- "$1"
}

# Whether the service is the process that it was.
goes_on_as() { # InvocationID
  equal "$(show InvocationID)" "$1" && equal "$(show ActiveState)" active
}
