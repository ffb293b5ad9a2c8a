#!/usr/bin/env bats
# ways: vm-reboot

# What is left of apps after a reboot. tests/check-vm runs this suite before and after it: the tests
# prepare the apps in the first boot, and check them in the second one.

load installed

setup_file() {
  only_in_machine
  boot
  if is_first_boot; then make_install; fi
}

is_first_boot() {
  ((VM_BOOT == 1))
}

teardown() {
  if [[ -z $BATS_TEST_COMPLETED ]]; then
    inside systemctl list-units --all --no-pager 'wsgi-once-*' || :
    inside journalctl --no-pager --lines 50 || :
  fi
}

@test "a socket that sockets.target wants listens again, and the first request starts the service" {
  if is_first_boot; then
    app wanted hello:app "[Install]" "WantedBy=sockets.target"
    equal "$(http /)" "Hello."
    is "$SERVICE" active
    return
  fi
  select_app wanted
  is "$UNIT.socket" active
  is "$SERVICE" inactive
  equal "$(http /)" "Hello."
  is "$SERVICE" active
}

@test "a socket that nothing wants does not listen until it is started" {
  if is_first_boot; then
    app unwanted hello:app
    equal "$(http /)" "Hello."
    return
  fi
  select_app unwanted
  is "$UNIT.socket" inactive
  [[ ! -e $ADDRESS ]]
  inside systemctl start "$UNIT.socket"
  equal "$(http /)" "Hello."
}

@test "/run is new, and /var/lib is not" {
  local run=/run/wsgi-once
  if is_first_boot; then
    app keeps keeps:app "[Install]" "WantedBy=sockets.target"
    equal "$(http / --data text=kept)" kept
    : >$run/stale
    return
  fi
  select_app keeps
  [[ -S $run/keeps.sock && ! -e $run/stale ]]
  equal "$(http /)" kept
  equal "$(http / --data text=again)" "kept again"
}

@test "the shutdown ends a running request as systemctl stop does, and nothing has to be killed" {
  if is_first_boot; then
    mkfifo --mode=666 /srv/begun /srv/end
    app slow holds:app "[Service]" "Environment=FIFOS=/srv"
    # Stopped after the server, so that it can receive the end of the response.
    inside systemd-run --quiet --unit=client --property=Before=wsgi-once-slow.service \
      curl --silent --unix-socket "$ADDRESS" http://localhost/hold
    read_fifo /srv/begun
    # The request ends because of the shutdown, while the server is told to stop.
    inside systemd-run --quiet --unit=ends --property=RemainAfterExit=yes \
      --property=ExecStop="/bin/sh -c 'until systemctl show wsgi-once-slow.service |\
        grep -qx ActiveState=deactivating; do sleep 0.1; done; : >/srv/end'" true
    return
  fi
  local log
  log=$(inside journalctl --boot=-1 --output cat --unit wsgi-once-slow.service)
  contains "$log" "Deactivated successfully"
  run ! grep -E "timed out|killed|Killing" <<<"$log"
  log=$(inside journalctl --boot=-1 --output cat --unit client.service)
  contains "$log" "the beginning, the end"
}

@test "a user's app is served again, without a login, if the user lingers" {
  local socket
  if is_first_boot; then
    as_ada mkdir -p .config/wsgi-once
    printf '%s\n' "[App]" "Application=hello:app" "Directory=/srv/apps" "[Install]" \
      "WantedBy=sockets.target" >/home/ada/.config/wsgi-once/mine.conf
    inside loginctl enable-linger ada
    as_ada systemctl --user daemon-reload
    as_ada systemctl --user start wsgi-once-mine.socket
    equal "$(get_as_ada mine)" "Hello."
    return
  fi
  socket=/run/user/$(inside id --user ada)/wsgi-once/mine.sock
  eventually [ -S "$socket" ]
  equal "$(get_from "$socket")" "Hello."
}
