#!/usr/bin/env bats
# ways: load

# What ordinary apps need works in the sandbox that is shipped, without a line of their own; and
# what they keep is kept.

load installed

# has_all_it_needs: see tests/apps/ordinary_needs.py.
has_all_it_needs() {
  local need
  http / >"$BATS_TEST_TMPDIR/needs"
  (($(wc -l <"$BATS_TEST_TMPDIR/needs") > 15))
  while read -r need; do
    equal "$need: $(http "/$need")" "$need: done" || return
  done <"$BATS_TEST_TMPDIR/needs"
}

@test "ordinary things work in a server's sandbox" {
  app needs ordinary_needs:app
  has_all_it_needs
}

@test "ordinary things work in a connection's sandbox" {
  app needs ordinary_needs:app "[Socket]" "Accept=yes"
  has_all_it_needs
}

@test "Django works in a server's sandbox" {
  /usr/bin/python3 -c 'import django' 2>/dev/null || skip "Django is not there"
  app site django_site:application "WarmUp=/"
  equal "$(http "/?q=ask")" "GET /?q=ask ask"
  equal "$(http /form --form text=hello --form "upload=@$APPS/hello.py")" \
    "hello ['hello.py: $(stat --format %s "$APPS/hello.py")']"
}

tell() { # text
  http / --data-urlencode "text=$1" >/dev/null
}

@test "what an app keeps survives restarts and idle ends" {
  app keeps keeps:app "IdleTimeout=100ms"
  tell one
  eventually shows ActiveState inactive
  tell two
  inside systemctl restart "$SERVICE"
  tell three
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  inside systemctl start "$UNIT.socket"
  equal "$(http /)" "one two three"
  equal "$(http /cache)$(http /cache)" 12
  inside systemctl restart "$SERVICE"
  equal "$(http /cache)" 3
}

@test "what one connection's service keeps the next one has" {
  app keeps keeps:app "[Socket]" "Accept=yes"
  tell one
  tell two
  equal "$(http /)" "one two"
  equal "$(http /cache)$(http /cache)" 12
}

@test "connections' services at the same time share user and directories" {
  app keeps keeps:app "[Socket]" "Accept=yes"
  local n clients=()
  for n in 1 2 3 4 5 6 7 8; do
    tell "$n" &
    clients+=($!)
  done
  wait "${clients[@]}"
  equal "$(http / | tr ' ' '\n' | sort | tr -d '\n')" 12345678
}

# knows_where_it_is [LINE]...
knows_where_it_is() {
  app keeps keeps:app "$@"
  # Nothing in /tmp, nothing in /var/tmp.
  equal "$(http /where)" "/var/lib/wsgi-once-keeps /srv/apps"
  equal "$(http /leave)" "/var/lib/wsgi-once-keeps /srv/apps left left"
  [[ ! -e $ROOT/tmp/left && ! -e $ROOT/var/tmp/left ]]
  equal "$(inside stat --dereference --format %a /var/lib/wsgi-once-keeps)" 750
  equal "$(inside stat --dereference --format %a /var/cache/wsgi-once-keeps)" 750
}

@test "an app is at home in its state directory, and its /tmp is its own" {
  knows_where_it_is
  inside systemctl restart "$SERVICE"
  equal "$(http /where)" "/var/lib/wsgi-once-keeps /srv/apps"
}

@test "a connection's service is at home there too, and its /tmp ends with it" {
  knows_where_it_is "[Socket]" "Accept=yes"
  equal "$(http /where)" "/var/lib/wsgi-once-keeps /srv/apps"
}
