#!/usr/bin/env bats
# ways: load

# What ordinary apps need works in the shipped sandbox without settings of their own, and their
# files are kept.

load installed

# needs_are_met: the app can do what tests/apps/ordinary_needs.py lists.
needs_are_met() {
  local need
  http / >"$BATS_TEST_TMPDIR/needs"
  (($(wc -l <"$BATS_TEST_TMPDIR/needs") > 15))
  while read -r need; do
    equal "$need: $(http "/$need")" "$need: done" || return
  done <"$BATS_TEST_TMPDIR/needs"
}

@test "ordinary operations work in a server's sandbox" {
  app needs ordinary_needs:app
  needs_are_met
}

@test "ordinary operations work in the sandbox of a connection's service" {
  app needs ordinary_needs:app "[Socket]" "Accept=yes"
  needs_are_met
}

@test "Django works in a server's sandbox" {
  /usr/bin/python3 -c 'import django' 2>/dev/null || skip "Django is not there"
  app site django_site:application "WarmUp=/"
  equal "$(http "/?q=ask")" "GET /?q=ask ask"
  equal "$(http /form --form text=hello --form "upload=@$APPS/hello.py")" \
    "hello ['hello.py: $(stat --format %s "$APPS/hello.py")']"
}

keep() { # text
  http / --data-urlencode "text=$1" >/dev/null
}

@test "an app's files survive restarts and idle exits" {
  app keeps keeps:app "IdleTimeout=100ms"
  keep one
  eventually shows ActiveState inactive
  keep two
  inside systemctl restart "$SERVICE"
  keep three
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  inside systemctl start "$UNIT.socket"
  equal "$(http /)" "one two three"
  equal "$(http /cache)$(http /cache)" 12
  inside systemctl restart "$SERVICE"
  equal "$(http /cache)" 3
}

@test "one connection's service keeps files for the next one" {
  app keeps keeps:app "[Socket]" "Accept=yes"
  keep one
  keep two
  equal "$(http /)" "one two"
  equal "$(http /cache)$(http /cache)" 12
}

@test "concurrent services of connections share user and directories" {
  app keeps keeps:app "[Socket]" "Accept=yes"
  local n clients=()
  for n in 1 2 3 4 5 6 7 8; do
    keep "$n" &
    clients+=($!)
  done
  wait "${clients[@]}"
  equal "$(http / | tr ' ' '\n' | sort | tr -d '\n')" 12345678
}

# uses_own_directories [LINE]...
uses_own_directories() {
  app keeps keeps:app "$@"
  # Nothing is in /tmp or /var/tmp.
  equal "$(http /where)" "/var/lib/wsgi-once-keeps /srv/apps"
  equal "$(http /leave)" "/var/lib/wsgi-once-keeps /srv/apps left left"
  [[ ! -e $ROOT/tmp/left && ! -e $ROOT/var/tmp/left ]]
  equal "$(inside stat --dereference --format %a /var/lib/wsgi-once-keeps)" 750
  equal "$(inside stat --dereference --format %a /var/cache/wsgi-once-keeps)" 750
}

@test "an app starts in its state directory, and has a private /tmp" {
  uses_own_directories
  inside systemctl restart "$SERVICE"
  equal "$(http /where)" "/var/lib/wsgi-once-keeps /srv/apps"
}

@test "a connection's service starts there, too, and its /tmp is removed when it ends" {
  uses_own_directories "[Socket]" "Accept=yes"
  equal "$(http /where)" "/var/lib/wsgi-once-keeps /srv/apps"
}
