#!/usr/bin/env bats
# ways: vm-tool
# lasts: 400 s

# tests/vm itself, with the release $VM_RELEASE.

load helpers

setup() {
  # Whatever it leaves behind is here.
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  mkdir "$TMPDIR"
}

teardown() {
  :
}

vm() { # [OPTION]... -- COMMAND...
  "$TESTS/vm" "${VM_RELEASE:-trixie}" "$@"
}

nothing_is_left() {
  equal "$(ls "$TMPDIR")" "" && run ! pgrep --full "qemu-system-.*$TMPDIR"
}

@test "arguments, output, errors and the exit status are passed on" {
  # shellcheck disable=SC2016 # for the inner shell
  run -7 --separate-stderr vm -- sh -c 'printf "<%s>\n" "$@"; echo error >&2; exit 7' \
    sh "two  words" "" $'new\nline' '*' '$HOME'
  equal "$output" $'<two  words>\n<>\n<new\nline>\n<*>\n<$HOME>'
  # shellcheck disable=SC2154 # set by run
  equal "$stderr" error
  nothing_is_left
}

@test "the input is unpacked, changes last until the command has ended, and it can reboot" {
  mkdir "$BATS_TEST_TMPDIR/input"
  echo content >"$BATS_TEST_TMPDIR/input/file"
  tar --create --gzip --file "$BATS_TEST_TMPDIR/input.tar.gz" -C "$BATS_TEST_TMPDIR" input
  # shellcheck disable=SC2016 # for the inner shell
  run -0 vm --input="$BATS_TEST_TMPDIR/input.tar.gz" --cpus=1 --memory=1024 -- sh -c '
    echo "$VM_BOOT $(nproc) $(cat input/file)"
    if [ "$VM_BOOT" = 1 ]; then echo changed >input/file && : >"$VM_AGAIN"; fi'
  equal "$output" $'1 1 content\n2 1 changed'
  run -0 vm -- sh -c 'ls /srv'
  equal "$output" ""
  nothing_is_left
}

@test "a command that takes too long is ended, and so is a boot; the console is shown" {
  run -124 vm --timeout=3 -- sleep 1000
  contains "$output" "tests/vm: the command did not end in 3 s (--timeout)"
  contains "$output" "| ["
  run -124 vm --boot-timeout=3 -- true
  contains "$output" "tests/vm: no boot in 3 s (--boot-timeout)"
  nothing_is_left
}

@test "a machine that stops before the command has ended is an error" {
  run -125 vm -- systemctl poweroff --force --force
  contains "$output" "tests/vm: the machine stopped (command)"
  run -125 vm -- sh -c 'echo b >/proc/sysrq-trigger; sleep 1000'
  contains "$output" "tests/vm: the machine rebooted by itself (command)"
  nothing_is_left
}

@test "a signal ends the machine, and nothing is left" {
  local signal
  for signal in INT TERM HUP; do
    # What runs in the background would ignore SIGINT.
    env --default-signal "$TESTS/vm" "${VM_RELEASE:-trixie}" -- true 3>&- 4>&- &
    eventually pgrep --full "qemu-system-.*$TMPDIR"
    kill -s "$signal" $!
    wait $! || :
    nothing_is_left
  done
}

@test "--keep keeps the log of the console" {
  run -124 vm --keep --boot-timeout=3 -- true
  grep -aq "Linux version" "$TMPDIR"/vm.*/console
  contains "$output" "tests/vm: the console's log is $TMPDIR/vm."
}

@test "--accel=kvm is refused where no kernel boots with it" {
  local tools=$BATS_TEST_TMPDIR/tools
  mkdir "$tools"
  printf '%s\n' '#!/bin/sh' 'exec sleep 1000' >"$tools/qemu-system-x86_64"
  chmod +x "$tools/qemu-system-x86_64"
  PATH=$tools:$PATH run -69 vm --accel=kvm -- true
  contains "$output" "tests/vm: --accel=kvm: "
  nothing_is_left
}
