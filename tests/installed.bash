# shellcheck shell=bash
# Helpers of the suites that work as an administrator does: `make install`, one small file for each
# app, systemctl. systemd is booted, and the program installed there, once for all tests of a file.
# The apps of tests/apps are installed in /srv/apps.

load booted

setup_file() {
  boot
  [[ -z $SYSTEMD ]] || make_install
}

make_install() {
  local root=/proc/$SYSTEMD/root
  inside env -u MAKEFLAGS -u MAKELEVEL make --silent -C "$TESTS/.." install \
    BUILD="$(realpath "${PROGRAM%/*}")"
  mkdir -p "$root/etc/wsgi-once" "$root/etc/systemd/system"
  install_apps
}

install_apps() {
  mkdir -p "/proc/$SYSTEMD/root/srv/apps"
  cp -r "$APPS/." "/proc/$SYSTEMD/root/srv/apps"
}

setup() {
  [[ -n $SYSTEMD ]] || skip "$(cat "$BATS_FILE_TMPDIR/complaint")"
  ROOT=/proc/$SYSTEMD/root
  # shellcheck disable=SC2034 # for http
  ORIGIN=http://localhost
  select_app test
}

teardown() {
  [[ -n $SYSTEMD ]] || return 0
  if [[ -z $BATS_TEST_COMPLETED ]]; then
    inside systemctl list-units --all --no-pager 'wsgi-once-*' 'bare*' || :
    inside systemctl status --no-pager "$UNIT.socket" "$SERVICE" || :
    inside journalctl --no-pager --lines 50 || :
  fi
  # Requests left by a failed test would delay the stop.
  inside systemctl stop 'wsgi-once-*.socket' 'bare*.socket'
  inside systemctl kill --signal=KILL 'wsgi-once-*.service' 'bare*.service' 2>/dev/null || :
  inside systemctl stop 'wsgi-once-*.service' 'bare*.service' 2>/dev/null || :
  rm -rf "$ROOT"/etc/wsgi-once/* "$ROOT"/etc/systemd/system/{,*.wants/}{wsgi-once-*,bare*} \
    "$ROOT"/var/lib/private/wsgi-once-* "$ROOT"/var/lib/wsgi-once-* \
    "$ROOT"/var/cache/private/wsgi-once-* "$ROOT"/var/cache/wsgi-once-*
  inside systemctl daemon-reload
  inside systemctl reset-failed
}

# select_app NAME: directs http, show and the like to this app. With Accept=yes, SERVICE is the
# pattern of all its services.
select_app() {
  UNIT=wsgi-once-$1
  SERVICE=$UNIT.service
  ! accepts "$ROOT/etc/wsgi-once/$1.conf" || SERVICE="$UNIT@*.service"
  # shellcheck disable=SC2034 # for talk
  ADDRESS=$ROOT/run/wsgi-once/$1.sock
  # shellcheck disable=SC2034 # for http
  TARGET=(--unix-socket "$ADDRESS")
}

accepts() { # file
  grep -qsx Accept=yes "$1"
}

# conf NAME APPLICATION [LINE]...: writes the app's file; the lines belong to [App].
conf() {
  printf '%s\n' "[App]" "Application=$2" "Directory=/srv/apps" "${@:3}" \
    >"$ROOT/etc/wsgi-once/$1.conf"
}

# app NAME APPLICATION [LINE]...: writes the app's file and starts its socket.
app() {
  conf "$@"
  inside systemctl daemon-reload
  inside systemctl start "wsgi-once-$1.socket"
  select_app "$1"
}

# drop_in UNIT LINE...: writes what `systemctl edit` would write.
drop_in() {
  local directory=$ROOT/etc/systemd/system/$1.d
  mkdir -p "$directory"
  printf '%s\n' "${@:2}" >"$directory/override.conf"
  inside systemctl daemon-reload
}

# show_of UNIT PROPERTY
show_of() {
  inside systemctl show --property "$2" --value "$1"
}

# is UNIT STATE: the unit has this ActiveState.
is() {
  [[ $(show_of "$1" ActiveState) == "$2" ]]
}

# as_ada COMMAND [ARGUMENT]...: runs it as the ordinary user ada, who is made if necessary.
as_ada() {
  inside "$TESTS/as-user" ada "$@"
}

# get_as_ada NAME [PATH]: prints the answer of ada's own app to her request.
get_as_ada() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_ada sh -c 'curl --silent --show-error --max-time "$2" \
    --unix-socket "$XDG_RUNTIME_DIR/wsgi-once/$0.sock" "http://localhost/$1"' \
    "$1" "${2-}" "$PATIENCE"
}

# Prints all units of the apps with their states, one a line.
units() {
  inside systemctl list-units --all --no-legend --plain 'wsgi-once-*'
}

# flood REQUESTS [CLIENTS]: see tests/flood.
flood() {
  "$TESTS/flood" "$ADDRESS" "$@" 3>&-
}
