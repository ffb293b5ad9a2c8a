#!/usr/bin/env bats
# ways: load

# The examples as they are installed: each is put in place as its comment tells, and does what it is
# there for.

load installed

setup_file() {
  boot
  [[ -n $SYSTEMD ]] || return 0
  make_install
  ROOT=/proc/$SYSTEMD/root
  mkdir "$ROOT/srv/hello"
  cp "$APPS/hello.py" "$ROOT/srv/hello"
}

# Where `make install` has put them, in there.
EXAMPLES=/usr/local/share/doc/wsgi-once/examples

# example NAME: as its comment tells. What else that asks for is to be done before.
example() {
  select_app "$1"
  cp "$ROOT$EXAMPLES/wsgi-once-$1"{.socket,*.service} "$ROOT/etc/systemd/system"
  commands_of "$1" | inside sh -e
  inside systemctl daemon-reload
  inside systemctl start "$UNIT.socket"
  [[ ! -e $ROOT$EXAMPLES/wsgi-once-$1@.service ]] || SERVICE="$UNIT@*.service"
}

# Prints the commands of the comment, each on one line.
commands_of() {
  sed -n 's/^#   //p' "$ROOT$EXAMPLES/wsgi-once-$1.socket" |
    sed -E ':again; /\\$/ { N; s/\\\n *//; b again }' | grep -E '^(mkdir|ln|systemctl) '
}

greets() {
  equal "$(http /)" "Hello."
}

# Another app in the place of that of the examples.
hello_is() { # app
  cp "$APPS/$1.py" "$ROOT/srv/hello/hello.py"
}

@test "systemd-analyze verify has nothing to say of the examples" {
  local file files=()
  cp "$ROOT$EXAMPLES"/*.{socket,service} "$ROOT/etc/systemd/system"
  inside systemctl daemon-reload
  for file in "$ROOT$EXAMPLES"/*.{socket,service}; do
    run inside systemd-analyze verify "/etc/systemd/system/${file##*/}"
    equal "${file##*/}: $status $output" "${file##*/}: 0 "
    files+=("$file")
  done
  ((${#files[@]} == 12))
}

@test "every example has a test" {
  local file name
  for file in "$ROOT$EXAMPLES"/*.socket; do
    name=${file##*/wsgi-once-}
    grep -q "^  example ${name%.socket}\$" "$BATS_TEST_FILENAME" || equal "$name" "tested"
  done
}

@test "unix: enabled with the commands of its comment, it answers a front server" {
  example unix
  greets
  equal "$(inside stat --format '%A %G' /run/wsgi-once/unix.sock)" "srw-rw---- www-data"
  equal "$(inside systemctl is-enabled wsgi-once-unix.socket)" enabled
  contains "$(commands_of unix)" "enable --now wsgi-once-unix.socket"
  equal "$(show MemoryMax) $(show ProtectSystem)" "1073741824 strict"
}

@test "tcp: it answers on the network, and starts nothing for a client that says nothing" {
  example tcp
  local silent status=0
  mkfifo "$BATS_TEST_TMPDIR/connected"
  nsenter --net --target "$SYSTEMD" "$TESTS/talk" 8001 meet "$BATS_TEST_TMPDIR/connected" read \
    3>&- &
  silent=$!
  cat "$BATS_TEST_TMPDIR/connected" # it is connected
  is wsgi-once-tcp.service inactive || status=1
  # It would be the first one to be served.
  equal "$(nsenter --net --target "$SYSTEMD" curl -s -m 30 http://127.0.0.1:8001/)" "Hello." ||
    status=1
  eventually shows StatusText '*1 served, 0 running*' || status=1
  kill "$silent"
  wait "$silent" || :
  equal "$status" 0
}

@test "each: requests have services of their own, and MemoryMax= is for one of them" {
  hello_is speaks
  example each
  greets
  contains "$(show_of wsgi-once-each@1.service DropInPaths)" 20-lean.conf
  equal "$(show_of wsgi-once-each@1.service ProtectKernelTunables)" no
  equal "$(show_of wsgi-once-each@1.service MemoryMax)" 104857600
  needs_controller memory
  run http /eat
  ((status != 0))
  greets
  equal "$(inside journalctl --output cat --unit "$SERVICE" | grep -c "Failed with result")" 1
}

@test "inetd: what the app prints is in the journal and not in its answer" {
  hello_is speaks
  example inetd
  greets
  eventually has_logged "the app was asked for /"
}

@test "offline: it answers, and can connect to nobody" {
  hello_is speaks
  example offline
  greets
  cp "$ROOT$EXAMPLES"/wsgi-once-tcp.* "$ROOT/etc/systemd/system"
  inside systemctl daemon-reload
  inside systemctl start wsgi-once-tcp.socket
  equal "$(http /8001)" "Connection refused"
  # the control
  drop_in "$SERVICE" "[Service]" "PrivateNetwork=no"
  inside systemctl restart "$SERVICE"
  equal "$(http /8001)" "connected"
}

@test "secret: the app reads it, and nobody else can" {
  hello_is speaks
  echo "it is a secret" >"$ROOT/etc/hello.token"
  chmod 600 "$ROOT/etc/hello.token"
  example secret
  equal "$(http /secret)" "it is a secret"
  local as_other=(inside setpriv --reuid nobody --regid nogroup --clear-groups)
  inside cat /run/credentials/wsgi-once-secret.service/token # root can: there it is
  run "${as_other[@]}" cat /run/credentials/wsgi-once-secret.service/token
  ((status != 0))
  run "${as_other[@]}" cat /etc/hello.token
  ((status != 0))
}
