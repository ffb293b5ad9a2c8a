#!/usr/bin/env bats
# ways: deb
# lasts: 200 s

# Apps under a real systemd while the Debian package is installed, upgraded, removed and purged.
# dpkg(1) is the machine's own, in an overlay: its changes are discarded.

load installed
load packages

setup_file() {
  boot
  [[ -n $SYSTEMD ]] || return 0
  local root=/proc/$SYSTEMD/root
  make_deb
  # Not in /srv, which may be the source tree: a chroot would not see that.
  export PACKAGE=/root/wsgi-once.deb NEWER=/root/newer.deb
  mkdir -p "$root/etc/systemd/system" "$root/srv/blog"
  cp "$(deb)" "$root$PACKAGE"
  make_newer "$root$PACKAGE" "$root$NEWER"
  install_apps
  cp "$APPS/hello.py" "$root/srv/blog/blog.py"
  # Container images have a policy-rc.d that denies starting services. Allow it here.
  rm -f "$root/usr/sbin/policy-rc.d"
}

# make_newer PACKAGE NEWER: makes the same package with a higher version.
make_newer() {
  local files=$BATS_FILE_TMPDIR/newer
  dpkg-deb --raw-extract "$1" "$files"
  sed -i '/^Version:/s/$/+newer/' "$files/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone --build "$files" "$2" >/dev/null
}

eval "installed_$(declare -f setup)"
setup() {
  installed_setup
  # shellcheck disable=SC2153 # it is set there
  [[ $ROOT == /proc/*/root ]] # not the machine's own
  CLIENTS=()
  END=$BATS_TEST_TMPDIR/end
  PLACE=/srv/fifos-$BATS_TEST_NUMBER # in the booted system
  FIFOS=$ROOT$PLACE
  mkdir "$FIFOS"
  mkfifo --mode=666 "$FIFOS/begun" "$FIFOS/end"
}

eval "installed_$(declare -f teardown)"
teardown() {
  [[ -n $SYSTEMD && $ROOT == /proc/*/root ]] || return 0
  : >"$END"
  local client
  for client in "${CLIENTS[@]}"; do
    # shellcheck disable=SC2046 # numbers
    kill $(pgrep --parent "$client") "$client" 2>/dev/null || :
    wait "$client" || :
  done
  as_ada systemctl --user stop 'wsgi-once-*.socket' 'wsgi-once-*.service'
  installed_teardown
  rm -f "$ROOT"/usr/{local/bin/wsgi-once,sbin/policy-rc.d}
  debian dpkg --purge wsgi-once
  rm -rf "$ROOT/etc/wsgi-once" "$ROOT/home/ada/.config"
  inside systemctl daemon-reload
}

# debian COMMAND [ARGUMENT]...: runs a command that must not ask questions.
debian() {
  inside env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

install_deb() { # file
  debian dpkg --install "$1"
}

# What an administrator may have before the package is installed: files of apps, one of which is
# started at boot, and handwritten units.
prepare() {
  mkdir -p "$ROOT/etc/wsgi-once"
  conf blog holds:app "[Service]" "Environment=FIFOS=$PLACE" "[Install]" "WantedBy=sockets.target"
  conf each holds:app "RequestTimeout=0" "[Socket]" "Accept=yes" "[Service]" \
    "Environment=FIFOS=$PLACE"
  local units=$ROOT/etc/systemd/system
  printf '%s\n' "[Socket]" "ListenStream=/run/wsgi-once/hand.sock" "[Install]" \
    "WantedBy=sockets.target" >"$units/wsgi-once-hand.socket"
  printf '%s\n' "[Service]" "Type=notify" \
    "ExecStart=/usr/bin/wsgi-once --directory=/srv/apps --idle-timeout=0 hello:app" "[Install]" \
    "WantedBy=multi-user.target" >"$units/wsgi-once-hand.service"
  inside systemctl daemon-reload
}

# by_hand NAME COMMAND [SOCKET-LINE]...: writes units as an administrator does, and starts them.
by_hand() {
  local units=$ROOT/etc/systemd/system service=$1.service
  if [[ " ${*:3} " == *" Accept=yes "* ]]; then service=$1@.service; fi
  printf '%s\n' "[Socket]" "ListenStream=/run/wsgi-once/$1.sock" "${@:3}" >"$units/$1.socket"
  printf '%s\n' "[Service]" "ExecStart=$2" "Environment=FIFOS=$PLACE" >"$units/$service"
  inside systemctl daemon-reload
  inside systemctl start "$1.socket"
}

# get_from_app NAME: sends a request, which starts its service, and prints the answer.
get_from_app() {
  get_from "$ROOT/run/wsgi-once/$1.sock"
}

invocation() { # unit
  show_of "$1" InvocationID
}

# Makes an app of an ordinary user, and sends it a request.
prepare_ada() {
  as_ada mkdir -p .config/wsgi-once
  printf '%s\n' "[App]" "Application=hello:app" "Directory=/srv/apps" \
    >"$ROOT/home/ada/.config/wsgi-once/mine.conf"
  as_ada systemctl --user daemon-reload
  as_ada systemctl --user start wsgi-once-mine.socket
  equal "$(get_as_ada mine)" "Hello."
}

of_ada() { # unit, property
  as_ada systemctl --user show --property "$2" --value "$1"
}

# Prints what systemd will start, now or at boot.
wants() {
  inside find /etc/systemd /run/systemd/system -type l -printf '%p %l\n' | sort
}

active_units() {
  inside systemctl list-units --plain --no-legend --state=active,activating,deactivating \
    'wsgi-once*'
}

# ---- clients ------------------------------------------------------------------------------------

# load_until_end APP: eight clients send one request after another until the file END exists. The
# outcomes are in APP.outcomes.
load_until_end() { # app
  select_app "$1"
  { until [[ -e $END ]]; do flood 40 8; done; } >"$BATS_TEST_TMPDIR/$1.outcomes" 3>&- 4>&- &
  CLIENTS+=($!)
  eventually [ -s "$BATS_TEST_TMPDIR/$1.outcomes" ]
}

end_of_load() {
  local client
  : >"$END"
  for client in "${CLIENTS[@]}"; do wait "$client"; done
}

no_request_failed() { # app
  equal "$(sort -u "$BATS_TEST_TMPDIR/$1.outcomes")" "40 200"
}

# begin_slow_request APP: the request runs until end_slow_request. Sets WORKER to the pid of the
# process that answers it.
begin_slow_request() {
  select_app "$1"
  http /hold --max-time "$((4 * PATIENCE))" >"$BATS_TEST_TMPDIR/slow" 3>&- 4>&- &
  SLOW=$!
  CLIENTS+=("$SLOW")
  WORKER=$(read_fifo "$FIFOS/begun")
  [[ $WORKER =~ ^[0-9]+$ ]]
}

end_slow_request() {
  write_fifo "$FIFOS/end"
  wait "$SLOW"
  equal "$(cat "$BATS_TEST_TMPDIR/slow")" "the beginning, the end"
}

# Prints the program of a process. If it was replaced, " (deleted)" follows its name.
program_of() { # pid
  inside readlink "/proc/$1/exe"
}

# ---- installing ---------------------------------------------------------------------------------

@test "installing enables and starts nothing, even if the administrator has prepared apps" {
  prepare
  local before
  before=$(wants)
  install_deb "$PACKAGE"
  equal "$(active_units)" ""
  equal "$(wants)" "$before"
  equal "$(inside systemctl is-enabled wsgi-once-hand.socket wsgi-once-hand.service)" \
    $'disabled\ndisabled'
  [[ ! -e $ROOT/run/wsgi-once ]]
  # But everything is there.
  is_loaded wsgi-once-blog.socket
  inside systemctl start wsgi-once-hand.socket
  select_app hand
  equal "$(http /)" "Hello."
}

is_loaded() { # unit
  [[ $(show_of "$1" LoadState) == loaded ]]
}

# Prints the first block in README's section "Deploy" with a line that matches the pattern.
block_of_readme() { # fence, pattern
  sed -n '/^## Deploy/,/^### /p' "$TESTS/../README.md" |
    awk -v fence="^\`\`\`$1\$" -v pattern="$2" '
      $0 ~ fence { inside = 1; block = ""; next }
      /^```/ { if (inside && block ~ pattern) { printf "%s", block; exit } inside = 0 }
      inside { block = block $0 "\n" }'
}

@test "after the installation, an app is one file and three commands, as in README" {
  install_deb "$PACKAGE"
  block_of_readme ini 'Application=blog:app' >"$ROOT/etc/wsgi-once/blog.conf"
  equal "$(wc -l <"$ROOT/etc/wsgi-once/blog.conf")" 3
  # shellcheck disable=SC2016 # for the inner shell
  echo 'sudo() { "$@"; }' >"$BATS_TEST_TMPDIR/commands"
  block_of_readme sh 'curl --unix-socket' >>"$BATS_TEST_TMPDIR/commands"
  equal "$(wc -l <"$BATS_TEST_TMPDIR/commands")" 4
  run -0 --separate-stderr inside sh -e <"$BATS_TEST_TMPDIR/commands"
  equal "$output" "Hello."
  select_app blog
  equal "$(program_of "$(show MainPID)")" /usr/bin/wsgi-once
  equal "$(show ProtectSystem)" strict
  contains "$(inside journalctl --list-catalog)" "wsgi-once: "
}

@test "systemd-analyze verify reports nothing about the package's units" {
  install_deb "$PACKAGE"
  prepare
  local unit units=/run/systemd/generator
  for unit in "$units"/wsgi-once-{blog.service,blog.socket,each@.service,each.socket} \
    /etc/systemd/system/wsgi-once-hand.{service,socket}; do
    run inside systemd-analyze verify "$unit" # including the manual pages
    equal "$unit: $status $output" "$unit: 0 "
  done
  # the control
  conf wrong hello:app "[Service]" "MemoryMax=much"
  inside systemctl daemon-reload
  run inside systemd-analyze verify "$units/wsgi-once-wrong.service"
  contains "$output" "Invalid memory limit 'much'"
}

# ---- upgrading ----------------------------------------------------------------------------------

# installs_under_load PACKAGE: installing the package replaces servers and nothing else, and no
# request fails.
installs_under_load() {
  local before server socket instance
  prepare
  inside systemctl start wsgi-once-{blog,each,hand}.socket
  select_app hand
  equal "$(http /)" "Hello."
  server=$(show InvocationID)
  begin_slow_request each
  instance=$WORKER
  equal "$(program_of "$instance")" /usr/bin/wsgi-once
  socket=$(show_of wsgi-once-blog.socket InvocationID)
  socket+=$(show_of wsgi-once-each.socket InvocationID)
  load_until_end blog
  load_until_end each
  select_app blog
  before=$(show MainPID)

  install_deb "$1"

  kill -0 "${CLIENTS[@]}" # the load was still running
  select_app blog
  equal "$(program_of "$(show MainPID)")" /usr/bin/wsgi-once
  (($(show MainPID) != before))
  equal "$(program_of "$instance")" "/usr/bin/wsgi-once (deleted)"
  equal "$(show_of wsgi-once-blog.socket InvocationID)$(
    show_of wsgi-once-each.socket InvocationID)" "$socket"
  select_app hand
  [[ $(show InvocationID) != "$server" ]]
  equal "$(program_of "$(show MainPID)")" /usr/bin/wsgi-once
  end_slow_request
  end_of_load
  no_request_failed blog
  no_request_failed each
}

version() {
  inside dpkg-query --show wsgi-once | cut -f2
}

@test "an upgrade replaces servers, keeps services of connections, and no request fails" {
  install_deb "$PACKAGE"
  local before
  before=$(version)
  installs_under_load "$NEWER"
  equal "$(version)" "$before+newer"
}

@test "reinstalling a version does the same, and a downgrade replaces servers" {
  install_deb "$NEWER"
  installs_under_load "$NEWER"
  run -0 install_deb "$PACKAGE"
  contains "$output" downgrading
  select_app hand
  equal "$(http /)" "Hello."
  equal "$(program_of "$(show MainPID)")" /usr/bin/wsgi-once
}

@test "a server that is replaced finishes its request" {
  install_deb "$PACKAGE"
  prepare
  inside systemctl start wsgi-once-blog.socket
  begin_slow_request blog
  local before
  before=$(show InvocationID)
  install_deb "$NEWER" >"$BATS_TEST_TMPDIR/installing" 2>&1 3>&- 4>&- &
  local installing=$!
  CLIENTS+=("$installing")
  eventually is_replaced "$before"
  end_slow_request
  wait "$installing"
  http / >/dev/null
  equal "$(program_of "$(show MainPID)")" /usr/bin/wsgi-once
}

is_replaced() { # InvocationID
  ! keeps_invocation "$1" >/dev/null
}

@test "an upgrade starts nothing that is not running" {
  install_deb "$PACKAGE"
  prepare
  inside systemctl start wsgi-once-{blog,hand}.socket
  inside systemctl stop wsgi-once-hand.socket
  local before
  before=$(wants)
  install_deb "$NEWER"
  equal "$(active_units | cut -d' ' -f1)" wsgi-once-blog.socket
  equal "$(wants)" "$before"
}

# As with `make install`.
copy_program() {
  cp "$ROOT/usr/bin/wsgi-once" "$ROOT/usr/local/bin"
  cp -r "$ROOT/usr/lib/wsgi-once" "$ROOT/usr/local/lib"
}

@test "an upgrade replaces system and user servers of any name, but no other program" {
  install_deb "$PACKAGE"
  copy_program
  by_hand bare-listening "/usr/bin/wsgi-once --directory=/srv/apps hello:app"
  by_hand wsgi-once-local "/usr/local/bin/wsgi-once --directory=/srv/apps hello:app"
  by_hand bare-single "/usr/bin/wsgi-once --single --directory=/srv/apps holds:app"
  by_hand bare-each "/usr/bin/wsgi-once --directory=/srv/apps holds:app" Accept=yes
  prepare_ada
  local name mine before=()
  mine=$(of_ada wsgi-once-mine.service InvocationID)
  for name in bare-listening wsgi-once-local; do equal "$(get_from_app "$name")" "Hello."; done
  for name in bare-listening wsgi-once-local; do
    before+=("$(invocation "$name.service")")
  done
  # The process of a connection must stay, whatever its socket is called.
  for name in bare-single bare-each; do
    begin_slow_request "$name"
    before+=("$WORKER")
  done

  install_deb "$NEWER"

  [[ $(invocation bare-listening.service) != "${before[0]}" ]]
  equal "$(program_of "$(show_of bare-listening.service MainPID)")" /usr/bin/wsgi-once
  equal "$(invocation wsgi-once-local.service)" "${before[1]}"
  equal "$(program_of "${before[2]}")" "/usr/bin/wsgi-once (deleted)"
  equal "$(program_of "${before[3]}")" "/usr/bin/wsgi-once (deleted)"
  [[ $(of_ada wsgi-once-mine.service InvocationID) != "$mine" ]]
  equal "$(program_of "$(of_ada wsgi-once-mine.service MainPID)")" /usr/bin/wsgi-once
  equal "$(get_as_ada mine)" "Hello."
}

@test "units that policy-rc.d denies are neither restarted nor stopped" {
  install_deb "$PACKAGE"
  prepare
  inside systemctl start wsgi-once-{each,hand}.socket
  by_hand bare-listening "/usr/bin/wsgi-once --directory=/srv/apps hello:app"
  get_from_app hand
  get_from_app bare-listening
  local kept replaced
  kept=$(invocation wsgi-once-hand.service)
  replaced=$(invocation bare-listening.service)
  # shellcheck disable=SC2016 # for the inner shell
  printf '%s\n' '#!/bin/sh' 'cat >/dev/null' 'case $1 in wsgi-once-hand.*) exit 101 ;; esac' \
    >"$ROOT/usr/sbin/policy-rc.d"
  chmod +x "$ROOT/usr/sbin/policy-rc.d"
  run -0 install_deb "$NEWER"
  contains "$output" "policy-rc.d: no restart of wsgi-once-hand.service"
  equal "$(invocation wsgi-once-hand.service)" "$kept"
  [[ $(invocation bare-listening.service) != "$replaced" ]]
  debian dpkg --remove wsgi-once
  is wsgi-once-hand.socket active
  is wsgi-once-each.socket inactive
  is bare-listening.socket inactive
}

# ---- removing -----------------------------------------------------------------------------------

# Starts all apps. Also links lean.conf into /etc/systemd, as lean.conf suggests, and enables an
# example.
run_apps() {
  local directory=/etc/systemd/system/wsgi-once-other@.service.d
  mkdir "$ROOT$directory"
  ln -s /usr/share/wsgi-once/lean.conf "$ROOT$directory/20-lean.conf"
  inside systemctl enable /usr/share/doc/wsgi-once/examples/wsgi-once-tcp.socket
  inside systemctl start wsgi-once-{blog,each,hand}.socket
  inside systemctl enable wsgi-once-hand.socket
  local app
  for app in blog each hand; do
    select_app "$app"
    http / >/dev/null
  done
}

# Prints dangling links that involve the program.
dangling_links() {
  inside find /etc /run /usr /var -xtype l \( -name '*wsgi-once*' -o -lname '*wsgi-once*' \)
}

@test "removing stops all sockets, servers and connections, and leaves no dangling links" {
  install_deb "$PACKAGE"
  prepare
  run_apps
  begin_slow_request each
  is_active 'wsgi-once-each@*'
  is wsgi-once-blog.service active
  is wsgi-once-hand.service active

  debian dpkg --remove wsgi-once

  # The units of the administrator still have their files.
  run inside systemctl list-units --all --plain --no-legend 'wsgi-once*'
  equal "$(grep -v '^wsgi-once-hand\..* loaded *inactive ' <<<"$output")" ""
  run ! inside kill -0 "$WORKER"
  [[ ! -e $ROOT/run/wsgi-once ]]
  equal "$(dangling_links)" ""
  # Files of the administrator and of apps are kept.
  equal "$(ls "$ROOT/etc/wsgi-once")" $'blog.conf\neach.conf'
  equal "$(inside systemctl is-enabled wsgi-once-hand.socket)" enabled
  [[ -d $ROOT/var/lib/private/wsgi-once-blog && -d $ROOT/var/lib/private/wsgi-once-each ]]

  install_deb "$PACKAGE"
  equal "$(active_units)" ""
  inside systemctl start wsgi-once-blog.socket
  select_app blog
  [[ $(http /) =~ ^[0-9]+\ [0-9]+$ ]]
}

@test "removing stops system and user units of any name, but no other program" {
  install_deb "$PACKAGE"
  copy_program
  by_hand bare-listening "/usr/bin/wsgi-once --directory=/srv/apps hello:app"
  by_hand bare-each "/usr/bin/wsgi-once --directory=/srv/apps holds:app" Accept=yes
  by_hand wsgi-once-wrapped \
    "/usr/bin/env WRAPPED=1 /usr/bin/wsgi-once --directory=/srv/apps hello:app"
  by_hand wsgi-once-local "/usr/local/bin/wsgi-once --directory=/srv/apps hello:app"
  prepare_ada
  local name
  for name in bare-listening wsgi-once-wrapped wsgi-once-local; do
    equal "$(get_from_app "$name")" "Hello."
    is "$name.service" active
  done
  begin_slow_request bare-each

  debian dpkg --remove wsgi-once

  for name in bare-listening wsgi-once-wrapped; do
    is "$name.socket" inactive
    is "$name.service" inactive
  done
  is bare-each.socket inactive
  run ! inside kill -0 "$WORKER"
  run ! as_ada pgrep --uid ada wsgi-once
  # No unit is left that would fail to start.
  eventually is_unknown_to_ada
  is wsgi-once-local.socket active
  is wsgi-once-local.service active
  equal "$(get_from_app wsgi-once-local)" "Hello."
}

is_unknown_to_ada() {
  [[ $(of_ada wsgi-once-mine.socket LoadState) == not-found ]] &&
    [[ $(of_ada wsgi-once-mine.socket ActiveState) == inactive ]]
}

is_active() { # pattern
  [[ -n $(inside systemctl list-units --plain --no-legend --state=active "$1") ]]
}

@test "removing keeps the socket of a unit with another name and program" {
  install_deb "$PACKAGE"
  prepare
  printf '%s\n' "[Socket]" "ListenStream=/run/wsgi-once/bare.sock" \
    >"$ROOT/etc/systemd/system/bare.socket"
  printf '%s\n' "[Service]" "ExecStart=true" >"$ROOT/etc/systemd/system/bare.service"
  inside systemctl start bare.socket wsgi-once-blog.socket
  debian dpkg --remove wsgi-once
  equal "$(ls "$ROOT/run/wsgi-once")" bare.sock
  is bare.socket active
}

# ---- purging ------------------------------------------------------------------------------------

# Prints all files except those of a running system, logs, and what dpkg(1) and man(1) keep about
# all packages.
files() {
  inside find / -xdev \( -path /proc -o -path /tmp -o -path /var/log -o -path "$TESTS" \) -prune \
    -o -print | grep -vE '^/var/lib/dpkg/|^/var/cache/(man|ldconfig)/' | sort
}

@test "purging leaves no files if there were no apps" {
  files >"$BATS_TEST_TMPDIR/before"
  install_deb "$PACKAGE"
  files >"$BATS_TEST_TMPDIR/installed"
  grep -qx /usr/bin/wsgi-once "$BATS_TEST_TMPDIR/installed" # the control
  debian dpkg --purge wsgi-once
  equal "$(files | diff "$BATS_TEST_TMPDIR/before" -)" ""
  # The same holds if the last file of an app is removed after the program.
  install_deb "$PACKAGE"
  conf blog hello:app
  debian dpkg --remove wsgi-once
  rm "$ROOT/etc/wsgi-once/blog.conf"
  debian dpkg --purge wsgi-once
  [[ ! -e $ROOT/etc/wsgi-once ]]
  equal "$(inside dpkg-query --list wsgi-once 2>&1)" \
    "dpkg-query: no packages found matching wsgi-once"
}

@test "purging keeps only files of the administrator and of apps" {
  mkdir -p "$ROOT"/var/{lib,cache}/private
  files >"$BATS_TEST_TMPDIR/before"
  install_deb "$PACKAGE"
  conf blog hello:app
  inside systemctl daemon-reload
  inside systemctl start wsgi-once-blog.socket
  select_app blog
  equal "$(http /)" "Hello."
  debian dpkg --purge wsgi-once
  equal "$(active_units)" ""
  equal "$(dangling_links)" ""
  # Caches can be recreated.
  equal "$(files | comm -13 "$BATS_TEST_TMPDIR/before" -)" "$(printf '%s\n' \
    /etc/wsgi-once /etc/wsgi-once/blog.conf /var/lib/private/wsgi-once-blog \
    /var/lib/wsgi-once-blog)"
}

@test "circular links, and a mount or a link as a directory, do not prevent removal" {
  install_deb "$PACKAGE"
  ln -s wsgi-once-loop.service "$ROOT/etc/systemd/system/wsgi-once-loop.service"
  mkdir "$ROOT/run/wsgi-once"
  inside mount -t tmpfs run /run/wsgi-once
  run -0 debian dpkg --remove wsgi-once
  inside umount /run/wsgi-once
  rmdir "$ROOT/run/wsgi-once"
  ln -sfT /srv/apps "$ROOT/etc/wsgi-once" # dpkg(1) has removed the directory
  run -0 debian dpkg --purge wsgi-once
  equal "$(inside readlink /etc/wsgi-once)" /srv/apps
  [[ -e $ROOT/srv/apps/hello.py ]]
  rm "$ROOT/etc/wsgi-once"
}

# ---- where no systemd runs ----------------------------------------------------------------------

# in_chroot COMMAND [ARGUMENT]...: runs a command with the same files, but in a chroot without the
# running system.
in_chroot() {
  # shellcheck disable=SC2016 # for the inner shell
  debian unshare --mount --pid --fork sh -euc 'mount --bind / /mnt
    mount -t tmpfs run /mnt/run
    mount -t proc proc /mnt/proc
    mount --rbind /dev /mnt/dev
    exec chroot /mnt "$@"' sh "$@"
}

@test "the package can be installed, upgraded, removed and purged without a running systemd" {
  local step
  [[ ! -e $ROOT/usr/bin/wsgi-once ]]
  for step in "--install $PACKAGE" "--install $NEWER" --remove "--install $PACKAGE" --purge; do
    [[ $step == *deb ]] || step+=" wsgi-once"
    # shellcheck disable=SC2086 # two words
    run -0 in_chroot dpkg $step
    run ! grep -iE 'systemctl|fail|error|cannot' <<<"$output"
    [[ $step != *NEWER* ]] || [[ -x $ROOT/usr/bin/wsgi-once ]]
  done
  [[ ! -e $ROOT/usr/bin/wsgi-once && ! -e $ROOT/etc/wsgi-once ]]
}
