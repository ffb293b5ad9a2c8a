# shellcheck shell=bash
# Helpers of the suites whose units run under a real systemd. It is booted once for all tests of a
# file: see tests/with-systemd. Its files, including sockets and fifos, are visible from the outside
# below $ROOT.
#
# In the virtual machine of tests/vm it is the machine's own, so the suites of tests/check-vm see
# what the others have left.

load helpers

setup_file() {
  boot
}

# Boots systemd. Sets SYSTEMD to its process, or to nothing if this machine does not allow it.
boot() {
  if [[ ${VM_BOOT:-} ]]; then
    export SYSTEMD=1 BOOTED_BY=
    ((VM_BOOT > 1)) || empty_journal
    return
  fi
  # shellcheck disable=SC2016 # expanded by the inner shell
  coproc BOOTED {
    exec "$TESTS/with-systemd" -- sh -c 'echo "$WITH_SYSTEMD" && exec cat' \
      2>"$BATS_FILE_TMPDIR/complaint" 3>&- 4>&-
  }
  export BOOTED_BY=$BOOTED_PID
  # bats 1.8 cannot skip in setup_file.
  read -r SYSTEMD <&"${BOOTED[0]}" || SYSTEMD=
  export SYSTEMD
  if [[ -z $SYSTEMD ]]; then
    local status=0
    wait "$BOOTED_BY" || status=$?
    cat "$BATS_FILE_TMPDIR/complaint" >&2
    ((status == 77))
  fi
}

# Suites that set the clock, or write to /etc and /home, must not do this to the machine of a
# developer.
only_in_machine() {
  [[ ${VM_BOOT:-} ]] || { echo "only tests/check-vm runs this suite" >&2 && return 1; }
}

# Removes what other suites have logged.
empty_journal() {
  inside journalctl --rotate --quiet
  find /run/log /var/log -path '*/journal/*@*.journal' -delete
}

# needs_controller NAME: skips the test if systemd has no such cgroup controller. A systemd that
# supports only v2 lacks those that this machine has in v1.
needs_controller() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  inside sh -c '[ -e "/sys/fs/cgroup/$0" ] || grep -qsw "$0" /sys/fs/cgroup/cgroup.controllers' \
    "$1" && return
  [[ ! ${VM_BOOT:-} ]] # a whole machine has all of them
  skip "impossible: systemd has no $1 controller here"
}

teardown_file() {
  [[ -n $BOOTED_BY && -n $SYSTEMD ]] || return 0
  kill "$BOOTED_BY"
  wait "$BOOTED_BY" || :
}

setup() {
  [[ -n $SYSTEMD ]] || skip "$(cat "$BATS_FILE_TMPDIR/complaint")"
  ROOT=/proc/$SYSTEMD/root
  local suite=${BATS_TEST_FILENAME##*/}
  UNIT=test-${suite%%-*}-$BATS_TEST_NUMBER
  SERVICE=$UNIT.service
  PLACE=/run/$UNIT # the directory of its files, as seen inside
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
  # Requests left by a failed test would delay the stop.
  inside systemctl kill --signal=KILL "$SERVICE" 2>/dev/null || :
  inside systemctl stop "$SERVICE"
}

inside() {
  nsenter --mount --uts --ipc --net --pid --cgroup --target "$SYSTEMD" "$@" 3>&-
}

# Prints what generators have logged. A whole machine has a log that never ends; else it is a file.
kernel_log() {
  if [[ ${VM_BOOT:-} ]]; then
    inside dmesg
  else
    inside cat /dev/kmsg
  fi | grep -a wsgi-once-generator
}

systemd_version() {
  inside systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p'
}

# unit ARGUMENTS [SERVICE-LINE]...: installs and starts the socket of a service that runs the
# program with these arguments. Except for the lines it is the unit of the manual page.
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

# show PROPERTY: prints a property of the service.
show() {
  inside systemctl show --property "$1" --value "$SERVICE"
}

# shows PROPERTY PATTERN: the property matches the pattern.
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

# The service has been running without interruption since this invocation.
keeps_invocation() { # InvocationID
  equal "$(show InvocationID)" "$1" && equal "$(show ActiveState)" active
}
