#!/usr/bin/env bats
# ways: deb
# lasts: 200 s

# What becomes of apps when Debian's package is installed, upgraded, removed and purged, under a
# real systemd. dpkg(1) is the machine's own, in the overlay: what it does is forgotten afterwards.

load installed
load packages

setup_file() {
  boot
  [[ -n $SYSTEMD ]] || return 0
  local root=/proc/$SYSTEMD/root
  make_deb
  # In there, and not below /srv, which may be the source tree: a chroot would not have that.
  export PACKAGE=/root/wsgi-once.deb NEWER=/root/newer.deb
  mkdir -p "$root/etc/systemd/system" "$root/srv/blog"
  cp "$(deb)" "$root$PACKAGE"
  make_newer "$root$PACKAGE" "$root$NEWER"
  cp -r "$APPS" "$root/srv/apps"
  cp "$APPS/hello.py" "$root/srv/blog/blog.py"
  # An image for containers has one, that lets packages start nothing. Here they may.
  rm -f "$root/usr/sbin/policy-rc.d"
}

# make_newer PACKAGE NEWER: the same with a higher version.
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
  PLACE=/srv/fifos-$BATS_TEST_NUMBER # in there
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

# debian COMMAND [ARGUMENT]...: without questions.
debian() {
  inside env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

install_deb() { # file
  debian dpkg --install "$1"
}

# What an administrator has before the package comes: files of apps, one of which is to be started
# at boot, and units written by hand.
prepare() {
  mkdir -p "$ROOT/etc/wsgi-once"
  conf blog holds:app "[Service]" "Environment=FIFOS=$PLACE" "[Install]" "WantedBy=sockets.target"
  conf each holds:app "[Socket]" "Accept=yes" "[Service]" "Environment=FIFOS=$PLACE"
  local units=$ROOT/etc/systemd/system
  printf '%s\n' "[Socket]" "ListenStream=/run/wsgi-once/hand.sock" "[Install]" \
    "WantedBy=sockets.target" >"$units/wsgi-once-hand.socket"
  printf '%s\n' "[Service]" "Type=notify" \
    "ExecStart=/usr/bin/wsgi-once --directory=/srv/apps hello:app" "[Install]" \
    "WantedBy=multi-user.target" >"$units/wsgi-once-hand.service"
  inside systemctl daemon-reload
}

# by_hand NAME COMMAND [SOCKET-LINE]...: units as an administrator writes them, and starts.
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

# An app of an ordinary user, whom it has answered.
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

# What systemd is told to start, now or later.
wants() {
  inside find /etc/systemd /run/systemd/system -type l -printf '%p %l\n' | sort
}

active_units() {
  inside systemctl list-units --plain --no-legend --state=active,activating,deactivating \
    'wsgi-once*'
}

# ---- clients ------------------------------------------------------------------------------------

# load_until_end: eight clients ask one after the other, until there is the file. What they got is
# in the file of the app's name.
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

# begin_slow_request APP: it goes on until end_slow_request. Sets WORKER, who answers it.
begin_slow_request() {
  select_app "$1"
  http /hold --max-time 250 >"$BATS_TEST_TMPDIR/slow" 3>&- 4>&- &
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

# The program of a process; of one that was replaced, " (deleted)" is behind its name.
program_of() { # pid
  inside readlink "/proc/$1/exe"
}

# ---- installing ---------------------------------------------------------------------------------

@test "installing enables and starts nothing, whatever the administrator has prepared" {
  prepare
  local before
  before=$(wants)
  install_deb "$PACKAGE"
  equal "$(active_units)" ""
  equal "$(wants)" "$before"
  equal "$(inside systemctl is-enabled wsgi-once-hand.socket wsgi-once-hand.service)" \
    $'disabled\ndisabled'
  [[ ! -e $ROOT/run/wsgi-once ]]
  # It is all there, nevertheless.
  is_loaded wsgi-once-blog.socket
  inside systemctl start wsgi-once-hand.socket
  select_app hand
  equal "$(http /)" "Hello."
}

is_loaded() { # unit
  [[ $(show_of "$1" LoadState) == loaded ]]
}

# Prints the block of the README's section on deploying that has such a line.
block_of_readme() { # fence, pattern
  sed -n '/^## Deploy/,/^### /p' "$TESTS/../README.md" |
    awk -v fence="^\`\`\`$1\$" -v pattern="$2" '
      $0 ~ fence { inside = 1; block = ""; next }
      /^```/ { if (inside && block ~ pattern) { printf "%s", block; exit } inside = 0 }
      inside { block = block $0 "\n" }'
}

@test "then an app is one file and three commands, as the README has it" {
  install_deb "$PACKAGE"
  block_of_readme ini 'Application=blog:app' >"$ROOT/etc/wsgi-once/blog.conf"
  equal "$(wc -l <"$ROOT/etc/wsgi-once/blog.conf")" 3
  # shellcheck disable=SC2016 # for the shell in there
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

@test "systemd-analyze verify has nothing to say of the units of the package" {
  install_deb "$PACKAGE"
  prepare
  local unit units=/run/systemd/generator
  for unit in "$units"/wsgi-once-{blog.service,blog.socket,each@.service,each.socket} \
    /etc/systemd/system/wsgi-once-hand.{service,socket}; do
    run inside systemd-analyze verify "$unit" # with the manual pages
    equal "$unit: $status $output" "$unit: 0 "
  done
  # the control
  conf wrong hello:app "[Service]" "MemoryMax=much"
  inside systemctl daemon-reload
  run inside systemd-analyze verify "$units/wsgi-once-wrong.service"
  contains "$output" "Invalid memory limit 'much'"
}

# ---- upgrading ----------------------------------------------------------------------------------

# survives_installing PACKAGE: of all that runs, only servers are replaced.
survives_installing() {
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

  kill -0 "${CLIENTS[@]}" # it was in the middle of all that
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

@test "an upgrade replaces servers, no connection's service, and no request fails" {
  install_deb "$PACKAGE"
  local before
  before=$(version)
  survives_installing "$NEWER"
  equal "$(version)" "$before+newer"
}

@test "so does installing the same version again, or an older one" {
  install_deb "$NEWER"
  survives_installing "$NEWER"
  run -0 install_deb "$PACKAGE"
  contains "$output" downgrading
  select_app hand
  equal "$(http /)" "Hello."
  equal "$(program_of "$(show MainPID)")" /usr/bin/wsgi-once
}

@test "what a server is answering when it is replaced is answered in full" {
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

@test "an upgrade starts nothing that does not run" {
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

@test "an upgrade replaces servers of any name, and those of users, but no other program" {
  install_deb "$PACKAGE"
  cp "$ROOT/usr/bin/wsgi-once" "$ROOT/usr/local/bin"
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
  # Whatever the socket is called, a connection's process has to stay.
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

@test "what policy-rc.d forbids is not restarted, and not stopped" {
  install_deb "$PACKAGE"
  prepare
  inside systemctl start wsgi-once-{each,hand}.socket
  by_hand bare-listening "/usr/bin/wsgi-once --directory=/srv/apps hello:app"
  get_from_app hand
  get_from_app bare-listening
  local kept replaced
  kept=$(invocation wsgi-once-hand.service)
  replaced=$(invocation bare-listening.service)
  # shellcheck disable=SC2016 # for the shell in there
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

# Starts all, and does what lean.conf tells to do in /etc/systemd, and what anybody may do with an
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

# Names of links to nothing that have to do with the program.
dangling_links() {
  inside find /etc /run /usr /var -xtype l \( -name '*wsgi-once*' -o -lname '*wsgi-once*' \)
}

@test "removing stops every socket, server and connection, and leaves no dangling link" {
  install_deb "$PACKAGE"
  prepare
  run_apps
  begin_slow_request each
  is_active 'wsgi-once-each@*'
  is wsgi-once-blog.service active
  is wsgi-once-hand.service active

  debian dpkg --remove wsgi-once

  # Of the units that the administrator has written there are still the files.
  run inside systemctl list-units --all --plain --no-legend 'wsgi-once*'
  equal "$(grep -v '^wsgi-once-hand\..* loaded *inactive ' <<<"$output")" ""
  run ! inside kill -0 "$WORKER"
  [[ ! -e $ROOT/run/wsgi-once ]]
  equal "$(dangling_links)" ""
  # What the administrator and the apps have made is theirs.
  equal "$(ls "$ROOT/etc/wsgi-once")" $'blog.conf\neach.conf'
  equal "$(inside systemctl is-enabled wsgi-once-hand.socket)" enabled
  [[ -d $ROOT/var/lib/private/wsgi-once-blog && -d $ROOT/var/lib/private/wsgi-once-each ]]

  install_deb "$PACKAGE"
  equal "$(active_units)" ""
  inside systemctl start wsgi-once-blog.socket
  select_app blog
  [[ $(http /) =~ ^[0-9]+\ [0-9]+$ ]]
}

@test "removing stops units of any name, and those of users, but no other program" {
  install_deb "$PACKAGE"
  cp "$ROOT/usr/bin/wsgi-once" "$ROOT/usr/local/bin"
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
  # Neither is there anything that would be started in vain.
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

@test "a socket of a unit of another name stays when the package is removed, and only that" {
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

# All files but those of a running system, logs, and what dpkg(1) and man(1) keep of all packages.
files() {
  inside find / -xdev \( -path /proc -o -path /tmp -o -path /var/log -o -path "$TESTS" \) -prune \
    -o -print | grep -vE '^/var/lib/dpkg/|^/var/cache/(man|ldconfig)/' | sort
}

@test "purging leaves nothing that was not there before" {
  files >"$BATS_TEST_TMPDIR/before"
  install_deb "$PACKAGE"
  files >"$BATS_TEST_TMPDIR/installed"
  grep -qx /usr/bin/wsgi-once "$BATS_TEST_TMPDIR/installed" # the control
  debian dpkg --purge wsgi-once
  equal "$(files | diff "$BATS_TEST_TMPDIR/before" -)" ""
  # Nor when the last file of an app has gone after the program.
  install_deb "$PACKAGE"
  conf blog hello:app
  debian dpkg --remove wsgi-once
  rm "$ROOT/etc/wsgi-once/blog.conf"
  debian dpkg --purge wsgi-once
  [[ ! -e $ROOT/etc/wsgi-once ]]
  equal "$(inside dpkg-query --list wsgi-once 2>&1)" \
    "dpkg-query: no packages found matching wsgi-once"
}

@test "purging leaves what the administrator and the apps have made, and nothing else" {
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
  # What is in a cache can be made again.
  equal "$(files | comm -13 "$BATS_TEST_TMPDIR/before" -)" "$(printf '%s\n' \
    /etc/wsgi-once /etc/wsgi-once/blog.conf /var/lib/private/wsgi-once-blog \
    /var/lib/wsgi-once-blog)"
}

@test "links to themselves, and a mount or link for a directory, are no obstacle to removing" {
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

# in_chroot COMMAND [ARGUMENT]...: in the same files, but it is not the root of process 1, and there
# is nothing of what runs.
in_chroot() {
  # shellcheck disable=SC2016 # for the shell in there
  debian unshare --mount --pid --fork sh -euc 'mount --bind / /mnt
    mount -t tmpfs run /mnt/run
    mount -t proc proc /mnt/proc
    mount --rbind /dev /mnt/dev
    exec chroot /mnt "$@"' sh "$@"
}

@test "it can be installed, upgraded, removed and purged where no systemd runs" {
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
