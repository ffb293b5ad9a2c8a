#!/usr/bin/env bats
# ways: load

# Apps of an ordinary user, served by the user's own systemd.

load installed

# users_conf NAME LINE...: writes a file of an app of ada's.
users_conf() {
  as_ada true # creates the user
  local directory=$ROOT/home/ada/.config/wsgi-once
  mkdir -p "$directory"
  printf '%s\n' "${@:2}" >"$directory/$1.conf"
  inside chown -R ada: /home/ada/.config
}

teardown() {
  [[ -n $SYSTEMD ]] || return 0
  if [[ -z $BATS_TEST_COMPLETED ]]; then
    as_ada systemctl --user status --no-pager 'wsgi-once-*' || :
    inside journalctl --no-pager --lines 50 || :
  fi
  as_ada systemctl --user stop 'wsgi-once-*.socket' 'wsgi-once-*.service'
  rm -rf "$ROOT/home/ada/.config/wsgi-once" "$ROOT/home/ada/.config/systemd"
  as_ada systemctl --user daemon-reload
}

@test "three lines are enough for a user, too, and only the user can connect" {
  users_conf mine "[App]" "Application=status:app" "Directory=/srv/apps"
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user start wsgi-once-mine.socket
  contains "$(get_as_ada mine)" $'Uid:\t'"$(inside id --user ada)"
  equal "$(as_ada systemctl --user is-active wsgi-once-mine.service)" active
  # shellcheck disable=SC2016 # for the inner shell
  equal "$(as_ada sh -c 'stat --format "%A %U" "$XDG_RUNTIME_DIR/wsgi-once/mine.sock"')" \
    "srw------- ada"
  run ! inside systemctl cat wsgi-once-mine.service
}

@test "with Accept=yes a user's app has a service for each connection" {
  users_conf each "[App]" "Application=hello:app" "Directory=/srv/apps" "[Socket]" "Accept=yes"
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user start wsgi-once-each.socket
  equal "$(get_as_ada each)" "Hello."
  equal "$(get_as_ada each)" "Hello."
  equal "$(as_ada systemctl --user show --property NAccepted --value wsgi-once-each.socket)" 2
}

@test "a user's app has a state directory, and cannot gain privileges" {
  users_conf mine "[App]" "Application=status:app" "Directory=/srv/apps"
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user start wsgi-once-mine.socket
  local answer
  answer=$(get_as_ada mine)
  contains "$answer" $'NoNewPrivs:\t1'
  contains "$answer" $'Seccomp:\t2'
  contains "$answer" "STATE_DIRECTORY=/home/ada/"
}

@test "a user's app cannot open sockets other than INET, INET6 and UNIX, nor use io_uring" {
  local action
  users_conf mine "[App]" "Application=tries:app" "Directory=/srv/apps"
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user start wsgi-once-mine.socket
  equal "$(get_as_ada mine opens_socket/AF_NETLINK,SOCK_RAW)" EAFNOSUPPORT
  equal "$(get_as_ada mine sets_up_io_uring)" EPERM
  # the control
  as_ada systemctl --user stop wsgi-once-mine.service
  users_conf mine "[App]" "Application=tries:app" "Directory=/srv/apps" \
    "[Service]" "SystemCallFilter=" "RestrictAddressFamilies="
  as_ada systemctl --user daemon-reload
  for action in opens_socket/AF_NETLINK,SOCK_RAW sets_up_io_uring; do
    equal "$action: $(get_as_ada mine "$action")" "$action: done"
  done
}

@test "specifiers mean the user's directories" {
  inside install -D -o ada "/srv/apps/hello.py" /home/ada/site/hello.py
  users_conf mine "[App]" "Application=hello:app" "Directory=%h/site"
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user start wsgi-once-mine.socket
  equal "$(get_as_ada mine)" "Hello."
}

@test "errors in a user's file are in the user's journal, and other apps are served" {
  users_conf bad "[App]" "Aplication=hello:app"
  users_conf good "[App]" "Application=hello:app" "Directory=/srv/apps"
  as_ada systemctl --user daemon-reload
  eventually is_in_journal "bad.conf:2: unknown key 'Aplication' in [App]"
  as_ada systemctl --user start wsgi-once-good.socket
  equal "$(get_as_ada good)" "Hello."
}

is_in_journal() {
  inside journalctl --output cat _UID="$(inside id --user ada)" | grep -qF -- "$1"
}

@test "the example for users works" {
  as_ada mkdir -p hello .config/systemd/user
  cp "$APPS/hello.py" "$ROOT/home/ada/hello"
  cp "$ROOT"/usr/local/share/doc/wsgi-once/examples/user/* "$ROOT/home/ada/.config/systemd/user"
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user enable --now wsgi-once-mine.socket
  equal "$(get_as_ada mine)" "Hello."
  run -0 as_ada systemd-analyze --user verify wsgi-once-mine.socket wsgi-once-mine.service
  equal "$output" ""
}
