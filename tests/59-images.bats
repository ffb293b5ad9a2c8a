#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# Images of services of connections: what makes them and starts from them runs in a sandbox.

load installed

# each LINE...: serves an app that says how it was started.
each() {
  app each looks_around:app Image=/var/cache/wsgi-once-each/image "[Socket]" "Accept=yes" "$@"
}

shows_log() {
  inside journalctl --output cat --unit "$SERVICE"
}

# A process has started from the image, and the one that made it was the first.
uses_image() {
  equal "$(http /)" imported
  eventually answers thawed
  equal "$(http /)" thawed
  contains "$(shows_log)" "wrote the image '/var/cache/wsgi-once-each/image'"
}

@test "in the lean sandbox, a process starts from an image" {
  each
  uses_image
}

@test "in the whole sandbox, a process starts from an image" {
  mkdir -p "$ROOT/etc/systemd/system/wsgi-once-each@.service.d"
  ln -s /dev/null "$ROOT/etc/systemd/system/wsgi-once-each@.service.d/20-lean.conf"
  each
  equal "$(show_of "$UNIT@1.service" PrivateDevices)" yes
  uses_image
}

@test "in the sandbox of a user's own service, a process starts from an image" {
  as_ada true # creates the user
  mkdir -p "$ROOT/home/ada/.config/wsgi-once"
  printf '%s\n' >"$ROOT/home/ada/.config/wsgi-once/each.conf" "[App]" Directory=/srv/apps \
    Application=looks_around:app Image=%C/wsgi-once-each/image "[Socket]" "Accept=yes"
  inside chown -R ada: /home/ada/.config
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user start wsgi-once-each.socket
  equal "$(get_as_ada each)" imported
  eventually ada_gets thawed
  as_ada systemctl --user stop wsgi-once-each.socket
}

ada_gets() { # text
  [[ $(get_as_ada each) == "$1" ]]
}

@test "a message about the warm-up, which goes to the journal, does not prevent an image" {
  app each looks_around:app Image=/var/cache/wsgi-once-each/image WarmUp=/missing \
    "[Socket]" "Accept=yes"
  uses_image
  contains "$(shows_log)" "--warm-up=/missing: answered with an error"
}

@test "an image that was made in another sandbox is not used" {
  each
  uses_image
  inside systemctl stop wsgi-once-each.socket
  each "[Service]" "SupplementaryGroups=daemon"
  equal "$(http /)" imported
  contains "$(shows_log)" "the user has changed"
}
