#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# tests/with-systemd and tests/as-user, which the tests with a systemd use.

load helpers

setup() {
  export TMPDIR=$BATS_TEST_TMPDIR/tmp # of the script
  MESSAGES=$BATS_TEST_TMPDIR/messages
  MOUNTS=$(</proc/self/mountinfo)
  SCRIPT=
  mkdir "$TMPDIR"
  local status=0
  with_systemd true 2>"$MESSAGES" || status=$?
  ((status != 77)) || skip "$(<"$MESSAGES")"
}

teardown() {
  [[ -z $SCRIPT ]] || kill -KILL "$SCRIPT" 2>/dev/null || :
}

with_systemd() {
  "$TESTS/with-systemd" "$@" 3>&-
}

# begin COMMAND [ARGUMENT]...: starts with-systemd in the background. SCRIPT is the script's pid,
# NAMESPACE the pid namespace of systemd and COMMAND.
begin() {
  mkfifo "$BATS_TEST_TMPDIR/begun"
  # --default-signal, because a shell cannot trap signals that its parent has ignored.
  # shellcheck disable=SC2016 # for the inner shell
  env --default-signal "$TESTS/with-systemd" \
    sh -c 'readlink /proc/self/ns/pid && exec "$@"' sh "$@" \
    >"$BATS_TEST_TMPDIR/begun" 2>"$MESSAGES" 3>&- &
  SCRIPT=$!
  read -rt 60 NAMESPACE <>"$BATS_TEST_TMPDIR/begun"
}

script_ends_with() { # status
  local status=0
  eventually script_has_ended
  wait "$SCRIPT" || status=$?
  equal "$status" "$1"
}

script_has_ended() {
  ! kill -0 "$SCRIPT" 2>/dev/null
}

has_no_process() { # namespace
  [[ -z $(find /proc/[0-9]*/ns/pid -maxdepth 0 -lname "${1/[/\\[}" 2>/dev/null) ]]
}

has_no_cgroup() { # pid of the script
  [[ -z $(find /sys/fs/cgroup -type d -name "with-systemd.$1" 2>/dev/null) ]]
}

has_no_files() {
  [[ -z $(ls -A "$TMPDIR") ]]
}

# The removal of its cgroups proves that no process is left: a cgroup with processes cannot be
# removed.
nothing_is_left() {
  eventually has_no_cgroup "$SCRIPT" && eventually has_no_files &&
    equal "$(</proc/self/mountinfo)" "$MOUNTS" && equal "$(<"$MESSAGES")" ""
}

@test "the command gets its arguments, input and directory; its exit status is returned" {
  cd "$TESTS/apps"
  # shellcheck disable=SC2016 # for the inner shell
  run -7 with_systemd -- sh -c 'echo "$1|$2|$(cat)|$PWD"; exit 7' sh 'a  b' '' <<<input
  equal "$output" "a  b||input|$TESTS/apps"
  # shellcheck disable=SC2016
  run -143 with_systemd sh -c 'kill -TERM $$'
}

@test "WITH_SYSTEMD is systemd's pid in the outer namespace" {
  # shellcheck disable=SC2016 # for the inner shell
  begin sh -c 'echo "$WITH_SYSTEMD $(cat /proc/1/comm)" >&2; exec sleep infinity'
  eventually grep -q . "$MESSAGES"
  local pid name
  read -r pid name <"$MESSAGES"
  equal "$name" systemd
  equal "$(readlink "/proc/$pid/ns/pid")" "$NAMESPACE"
  kill "$SCRIPT"
  script_ends_with 143
}

@test "wrong usage: 64" {
  local usage arguments
  for usage in "" -- --root "--root /nowhere true" "--root $TESTS/run true" "--root /" --other; do
    read -ra arguments <<<"$usage"
    run -64 with_systemd "${arguments[@]}"
    [[ $output == "with-systemd: "* ]]
    equal "${#lines[@]}" 1
  done
}

@test "the message of 77 names what is missing" {
  local tools=$BATS_TEST_TMPDIR/tools tool
  mkdir "$tools"
  for tool in chroot mount nsenter setpriv unshare; do
    run -77 env PATH="$tools" /bin/bash "$TESTS/with-systemd" true
    equal "$output" "with-systemd: $tool is missing"
    ln -s "$(type -P "$tool")" "$tools"
  done
  run -77 unshare --user "$TESTS/with-systemd" true
  equal "$output" "with-systemd: root is required"
  run -77 setpriv --bounding-set=-sys_admin "$TESTS/with-systemd" true
  contains "$output" "CAP_SYS_ADMIN is missing"
  has_no_files
}

@test "the message of 77 names what is missing in another root" {
  local root=$BATS_TEST_TMPDIR/root tool
  mkdir -p "$root/usr/bin"
  for tool in env mount setpriv sh systemctl; do
    run -77 with_systemd --root "$root" true
    equal "$output" "with-systemd: $tool is missing in $root"
    cp /bin/true "$root/usr/bin/$tool"
  done
  run -77 with_systemd --root "$root" true
  equal "$output" "with-systemd: systemd is missing in $root"
}

# An overlay does not show what is mounted in its lower layers, so the other root cannot consist of
# bind mounts: it is an overlay of this machine's root, with one more file, and with a regular file
# in place of /dev/console, as images for containers have.
# shellcheck disable=SC2016 # for the inner shells
@test "--root boots another system, and does not change it" {
  local layers=$BATS_TEST_TMPDIR/layers
  mkdir "$layers"
  run -5 --separate-stderr unshare --mount bash -c '
      mount -t tmpfs none "$0" && cd "$0" && mkdir -p image/dev upper work other &&
      : >image/dev/console &&
      mount -t overlay -o lowerdir=image:/,upperdir=upper,workdir=work none other &&
      echo other >other/etc/which && "$@"
      status=$?
      find upper -type f
      exit "$status"' "$layers" "$TESTS/with-systemd" --root other \
    sh -c 'cat /etc/which; systemctl is-system-running; echo written >/etc/written; exit 5' 3>&-
  equal "$output" "other
running
upper/etc/which"
}

@test "writes go to memory, except those to the source tree" {
  local name=with-systemd.$BASHPID
  # shellcheck disable=SC2016 # for the inner shell
  with_systemd sh -c 'echo "$0" >"/etc/$0" && echo "$0" >"$1" && cat "/etc/$0"' \
    "$name" "$TESTS/$name"
  [[ ! -e /etc/$name ]]
  equal "$(<"$TESTS/$name")" "$name"
  rm "$TESTS/$name"
}

@test "nothing is left when the command has succeeded or failed" {
  local status
  for status in 0 1; do
    # shellcheck disable=SC2016 # for the inner shell
    begin sh -c 'setsid sleep infinity & exit "$0"' "$status"
    script_ends_with "$status"
    has_no_process "$NAMESPACE"
    # The script has waited for the removal.
    has_no_cgroup "$SCRIPT"
    has_no_files
    nothing_is_left
    rm "$BATS_TEST_TMPDIR/begun"
  done
}

@test "nothing is left after a signal that ends the script" {
  local signal
  for signal in HUP:129 INT:130 TERM:143; do
    begin sh -c 'setsid sleep infinity & exec sleep infinity'
    kill -s "${signal%:*}" "$SCRIPT"
    script_ends_with "${signal#*:}"
    eventually has_no_process "$NAMESPACE" # a zombie goes when the machine's process 1 reaps it
    nothing_is_left
    rm "$BATS_TEST_TMPDIR/begun"
  done
}

@test "nothing is left when the script is killed" {
  begin sh -c 'setsid sleep infinity & exec sleep infinity'
  kill -KILL "$SCRIPT"
  script_ends_with 137
  eventually has_no_process "$NAMESPACE"
  nothing_is_left
}

@test "nothing is left when the script ends while systemd boots" {
  local signal status
  for signal in TERM KILL; do
    "$TESTS/with-systemd" true 2>"$MESSAGES" 3>&- &
    SCRIPT=$!
    eventually compgen -G "$TMPDIR/with-systemd.*/pid" >/dev/null
    kill -s "$signal" "$SCRIPT"
    status=0
    wait "$SCRIPT" || status=$?
    equal "$status" "$((128 + $(kill -l "$signal")))"
    nothing_is_left
  done
}

# ---- what the tests of units rely on ------------------------------------------------------------

@test "services run, and the journal has their output" {
  run -0 with_systemd sh -ec 'systemd-run --quiet --wait --unit=prints echo "some output"
    ! systemd-run --quiet --wait false
    journalctl --sync
    journalctl --quiet --output=cat --unit=prints --identifier=echo'
  equal "$output" "some output"
}

@test "DynamicUser= works" {
  run -0 with_systemd systemd-run --quiet --wait --pipe --property=DynamicUser=yes \
    --property=StateDirectory=some sh -c "id --user && echo kept >/var/lib/some/file"
  # systemd's range of dynamic users
  ((output >= 61184 && output <= 65519))
}

@test "MemoryMax= is enforced" {
  local limit=(--property=MemoryMax=50M --property=MemorySwapMax=0)
  local takes=(python3 -ISc "import sys; bytearray(int(sys.argv[1]) << 20)")
  run -0 with_systemd systemctl show --property=MemoryCurrent --value -- -.slice
  [[ $output =~ ^[0-9]+$ ]] || skip "impossible: systemd has no memory controller here"
  run -0 with_systemd systemd-run --quiet --wait "${limit[@]}" "${takes[@]}" 10
  run ! with_systemd systemd-run --quiet --wait "${limit[@]}" "${takes[@]}" 200
}

@test "as-user runs a command as an ordinary user, whose systemd runs" {
  # shellcheck disable=SC2016 # for the inner shell
  run -0 with_systemd "$TESTS/as-user" ada sh -c 'id --name --user; pwd; echo "$HOME $USER"
    systemctl --user is-system-running; systemctl --user show --property=Version
    systemd-run --user --quiet --wait --pipe sh -c "id --name --user; cat /proc/self/cgroup"'
  equal "${lines[*]:0:4}" "ada /home/ada /home/ada ada running"
}

@test "as-user returns the exit status of the command, and 64 for wrong usage" {
  run -9 with_systemd "$TESTS/as-user" ada sh -c 'exit 9'
  run -64 "$TESTS/as-user" ada
  contains "$output" "usage:"
}
