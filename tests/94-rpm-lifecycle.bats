#!/usr/bin/env bats
# ways: rpm
# lasts: 100 s

# Apps under a real systemd while the rpm package is installed, upgraded and removed. rpm is real,
# too. A package stands in for the file triggers that Fedora's systemd runs after a transaction.

load installed
load rpm

setup_file() {
  boot
  [[ -n $SYSTEMD ]] || return 0
  local release root=/proc/$SYSTEMD/root
  for release in 1 2; do
    rpm_of "$release" --without tests
    cp "$PACKAGES"/wsgi-once-*."$(uname -m)".rpm "$root/srv/$release.rpm"
  done
  stand_in >"$BATS_FILE_TMPDIR/stand-in.spec"
  mkdir "$BATS_FILE_TMPDIR/stand-in"
  rpmbuild -bb --quiet --define "_topdir $BATS_FILE_TMPDIR/stand-in" \
    --define "_tmppath $BATS_FILE_TMPDIR/stand-in" "$BATS_FILE_TMPDIR/stand-in.spec"
  cp "$BATS_FILE_TMPDIR"/stand-in/RPMS/noarch/*.rpm "$root/srv/stand-in.rpm"
  rpm_install /srv/stand-in.rpm
  mkdir -p "$root/etc/systemd/system"
  install_apps
}

# The file triggers do what those of Fedora's systemd do (systemd's triggers.systemd.in), and
# nginx-filesystem only makes its group.
stand_in() {
  cat <<END
Name: stand-in
Version: 1
Release: 1
Summary: What the package finds on Fedora
License: MIT
BuildArch: noarch
Provides: nginx-filesystem
%description
%{summary}.
%files
%pre
getent group nginx >/dev/null || groupadd --system nginx
%transfiletriggerin -- $(pkg-config --variable=systemdsystemunitdir systemd)
systemctl daemon-reload
systemctl reload-or-restart --marked
%transfiletriggerpostun -- $(pkg-config --variable=systemdsystemunitdir systemd)
systemctl daemon-reload
systemctl reload-or-restart --marked
%transfiletriggerin -- $(pkg-config --variable=catalogdir systemd)
journalctl --update-catalog
END
}

# --nodeps: rpm does not know what Debian's packages provide.
rpm_install() { # package
  inside rpm --upgrade --nodeps "$1"
}

install_release() {
  rpm_install "/srv/$1.rpm"
}

rpm_erase() {
  inside rpm --erase wsgi-once
}

query() {
  inside rpm --query wsgi-once "$@"
}

eval "installed_$(declare -f setup)"
setup() {
  installed_setup
  install_release 1
}

eval "installed_$(declare -f teardown)"
teardown() {
  [[ -n $SYSTEMD ]] || return 0
  : >"$BATS_TEST_TMPDIR/end" # ends the load
  installed_teardown
  ! query --quiet || rpm_erase
}

# Prints the program of the app's server. If it was removed, " (deleted)" follows its name.
program() {
  inside readlink "/proc/$(show MainPID)/exe"
}

@test "installing starts and enables nothing, and one file makes an app" {
  equal "$(units)" ""
  equal "$(inside systemctl list-unit-files --no-legend 'wsgi-once-*')" ""
  # shellcheck disable=SC2153 # it is booted.bash's
  [[ ! -e $ROOT/run/wsgi-once ]]
  contains "$(inside journalctl --list-catalog)" "wsgi-once: "
  app blog hello:app
  equal "$(http /)" "Hello."
  equal "$(program)" /usr/bin/wsgi-once
  equal "$(show ProtectSystem)" strict
  equal "$(inside stat --format '%A %U %G' /run/wsgi-once/blog.sock)" "srw-rw---- root nginx"
}

# load_until FILE: eight clients send one request after another until the file exists. Prints counts
# of outcomes.
load_until() {
  until [[ -e $1 ]]; do flood 200 8; done
}

@test "an upgrade restarts servers, and no request fails" {
  app blog hello:app "[Unit]" "Description=The blog of ada@example.org"
  equal "$(http /)" "Hello."
  local before
  before=$(show InvocationID)
  load_until "$BATS_TEST_TMPDIR/end" >"$BATS_TEST_TMPDIR/outcomes" 3>&- 4>&- &
  eventually [ -s "$BATS_TEST_TMPDIR/outcomes" ]
  install_release 2
  equal "$(query --queryformat '%{RELEASE}')" 2
  [[ $(show InvocationID) != "$before" ]]
  equal "$(program)" /usr/bin/wsgi-once
  : >"$BATS_TEST_TMPDIR/end"
  wait $!
  equal "$(sort -u "$BATS_TEST_TMPDIR/outcomes")" "200 200"
}

# upload FIFO: sends a request whose content is complete after a read from the fifo.
upload() {
  talk send 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nfour' meet "$1" \
    send 'more' read
}

@test "an upgrade does not end a request in a connection's service" {
  app each echoes:app "[Socket]" "Accept=yes"
  mkfifo "$BATS_TEST_TMPDIR/rest"
  upload "$BATS_TEST_TMPDIR/rest" >"$BATS_TEST_TMPDIR/answer" 3>&- 4>&- &
  eventually is_active "$SERVICE"
  install_release 2
  read_fifo "$BATS_TEST_TMPDIR/rest"
  wait $!
  contains "$(cat "$BATS_TEST_TMPDIR/answer")" fourmore
}

# is_active PATTERN: a matching unit is active.
is_active() {
  [[ -n $(inside systemctl list-units --no-legend --state=active "$1") ]]
}

@test "an upgrade starts nothing that is not running" {
  app stopped hello:app
  inside systemctl stop wsgi-once-stopped.socket
  app waits hello:app
  install_release 2
  is wsgi-once-stopped.socket inactive
  is wsgi-once-waits.socket active
  is wsgi-once-waits.service inactive
  equal "$(http /)" "Hello."
}

@test "removing stops all sockets and services, and keeps files of the administrator" {
  query --list >"$BATS_TEST_TMPDIR/files"
  local units=$ROOT/etc/systemd/system
  printf '%s\n' "[Socket]" "ListenStream=/run/wsgi-once/hand.sock" "[Install]" \
    "WantedBy=sockets.target" >"$units/wsgi-once-hand.socket"
  printf '%s\n' "[Service]" "Type=notify" \
    "ExecStart=/usr/bin/wsgi-once --directory=/srv/apps hello:app" \
    >"$units/wsgi-once-hand.service"
  inside systemctl enable wsgi-once-hand.socket
  inside systemctl start wsgi-once-hand.socket
  select_app hand
  equal "$(http /)" "Hello."
  app blog hello:app
  equal "$(http /)" "Hello."
  app each echoes:app "[Socket]" "Accept=yes"
  mkfifo "$BATS_TEST_TMPDIR/rest"
  upload "$BATS_TEST_TMPDIR/rest" >"$BATS_TEST_TMPDIR/answer" 3>&- 4>&- &
  eventually is_active "$SERVICE"
  rpm_erase
  kill $!
  run -1 is_active 'wsgi-once-*'
  # The generated units are gone, the administrator's files are not.
  equal "$(show_of wsgi-once-blog.socket LoadState)" not-found
  equal "$(inside systemctl is-enabled wsgi-once-hand.socket)" enabled
  local file
  while read -r file; do
    [[ ! -e $ROOT$file || $file == /etc/wsgi-once ]] || equal "$file" gone
  done <"$BATS_TEST_TMPDIR/files"
  equal "$(ls "$ROOT/etc/wsgi-once")" $'blog.conf\neach.conf'
}

@test "removing leaves no files if there were no apps" {
  rpm_erase
  [[ ! -e $ROOT/etc/wsgi-once ]]
}

@test "apps can be served again after the package was removed and reinstalled" {
  app blog hello:app
  equal "$(http /)" "Hello."
  rpm_erase
  install_release 2
  is wsgi-once-blog.socket inactive
  inside systemctl start wsgi-once-blog.socket
  equal "$(http /)" "Hello."
}
