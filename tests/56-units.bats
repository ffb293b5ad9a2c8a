#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# From `make install` to an answer: the files of apps, and what systemd does with their units.

load installed

# Prints the display that follows a line of a manual page, without its markup.
display_after() { # page, line
  sed -n "/^$2/,/^\.Ed/p" "$TESTS/../src/$1" | sed '1,/^\.Bd/d; /^\.Ed/d'
}

cmdline() {
  tr '\0' '\n' <"$ROOT/proc/$(show MainPID)/cmdline"
}

@test "three lines are enough, as in the manual" {
  mkdir -p "$ROOT/srv/blog"
  cp "$APPS/hello.py" "$ROOT/srv/blog/blog.py"
  display_after wsgi-once.conf.5 "Three lines suffice" >"$ROOT/etc/wsgi-once/blog.conf"
  equal "$(wc -l <"$ROOT/etc/wsgi-once/blog.conf")" 3
  display_after wsgi-once.conf.5 "If this is" >"$BATS_TEST_TMPDIR/commands"
  equal "$(wc -l <"$BATS_TEST_TMPDIR/commands")" 3
  run -0 --separate-stderr inside sh -e <"$BATS_TEST_TMPDIR/commands"
  equal "$output" "Hello."
}

@test "only root and the front server can connect to the socket" {
  app blog hello:app
  equal "$(inside stat --format '%A %U %G' /run/wsgi-once/blog.sock)" "srw-rw---- root www-data"
  local as=(inside setpriv --reuid nobody --clear-groups)
  local ask=(curl --silent --show-error --unix-socket /run/wsgi-once/blog.sock http://localhost/)
  equal "$("${as[@]}" --regid www-data "${ask[@]}")" "Hello."
  run "${as[@]}" --regid nogroup "${ask[@]}"
  ((status != 0))
}

# Values with characters that systemd treats specially: quotes, variables, specifiers, escapes,
# separators of commands.
odd_values() {
  cat <<'END'
/srv/two  words
/srv/"double" 'single'
/srv/it's
"/srv/in quotes"
/srv/$HOME ${HOME} $$
/srv/back\slash\x41\
/srv/semi;colon ; rm
/srv/grün/日本
/srv/*?[a]~{b,c}
/srv/@-:+!
END
}

@test "the program gets arguments exactly as they are written" {
  local lines=()
  # Avoid a backslash at the end of a line: it would continue the line.
  mapfile -t lines < <(odd_values | sed 's/^/PythonPath=/; s/\\$/\\ x/')
  app blog hello:app "${lines[@]}" "PythonPath=/srv/100%%" "PythonPath=/srv/%p"
  equal "$(http /)" "Hello."
  equal "$(cmdline | grep -a '^--python-path')" "$(
    odd_values | sed 's/^/--python-path=/; s/\\$/\\ x/'
    echo "--python-path=/srv/100%"
    echo "--python-path=/srv/wsgi-once-blog"
  )"
  equal "$(cmdline | sed -n '1p;$p')" "$(printf '%s\n' /usr/local/bin/wsgi-once hello:app)"
}

@test "an application can be a file with a space in its name" {
  mkdir -p "$ROOT/srv/my apps"
  cp "$APPS/hello.py" "$ROOT/srv/my apps/hello world.py"
  app blog "/srv/my apps/hello world.py"
  equal "$(http /)" "Hello."
  equal "$(cmdline | tail -n1)" "/srv/my apps/hello world.py"
}

# Runs the command of the manual, which is for the app blog.
verify_as_documented() {
  local command
  command=$(sed -n 's/^\.Dl \(systemd-analyze verify .*\)/\1/p' "$TESTS/../src/wsgi-once.conf.5")
  contains "$command" wsgi-once-blog
  inside sh -c "$command"
}

@test "systemd-analyze verify reports errors in the sections of systemd" {
  local accept
  for accept in no yes; do
    conf blog hello:app "[Unit]" "After=postgresql.service" "[Service]" "MemoryMax=2G" \
      "[Socket]" "Accept=$accept" "[Install]" "WantedBy=sockets.target"
    inside systemctl daemon-reload
    run -0 verify_as_documented
    equal "$output" ""
    conf blog hello:app "[Unit]" "Afetr=postgresql.service" "[Service]" "MemroyMax=2G" \
      "[Socket]" "Accept=$accept" "SocketMoed=0666"
    inside systemctl daemon-reload
    run verify_as_documented
    contains "$output" "'Afetr'"
    contains "$output" "'MemroyMax'"
    contains "$output" "'SocketMoed'"
  done
}

@test "systemd-analyze verify reports nothing about generated units" {
  local name units=/run/systemd/generator
  conf plain hello:app
  conf each hello:app "WarmUp=/a%%20\$c" "[Socket]" "Accept=yes"
  conf single hello:app "Single=yes"
  conf full hello:app "IdleTimeout=10min" "[Unit]" "After=sysinit.target" "[Service]" \
    "MemoryMax=2G" "ReadWritePaths=/srv" "[Socket]" "ListenStream=127.0.0.1:8000" \
    "[Install]" "WantedBy=sockets.target"
  inside systemctl daemon-reload
  for name in wsgi-once-{plain,single,full}.service wsgi-once-each@.service \
    wsgi-once-{plain,single,full,each}.socket; do
    run inside systemd-analyze verify --man=no "$units/$name"
    equal "$name: $status $output" "$name: 0 "
  done
  # the control
  conf wrong hello:app "[Service]" "MemoryMax=much"
  inside systemctl daemon-reload
  run inside systemd-analyze verify "$units/wsgi-once-wrong.service"
  contains "$output" "50-app.conf:4: Invalid memory limit 'much'"
}

@test "an invalid file is reported, gets no units, and does not affect other files" {
  local before
  before=$(inside systemctl is-system-running)
  conf bad hello:app "[Socket]" "ListenStream=/run/other" "[App]" "IdleTimeout=never"
  head -c 1000 /dev/urandom >"$ROOT/etc/wsgi-once/noise.conf"
  mkdir "$ROOT/etc/wsgi-once/directory.conf"
  mkfifo "$ROOT/etc/wsgi-once/fifo.conf"
  ln -s /nowhere "$ROOT/etc/wsgi-once/nowhere.conf"
  app good hello:app
  equal "$(http /)" "Hello."
  equal "$(inside systemctl is-system-running)" "$before"
  equal "$(inside ls /run/systemd/generator | grep wsgi-once)" \
    "$(printf 'wsgi-once-good.%s\n' service socket)"
  # Since systemd 254, generators have a read-only file system; here the kernel's log is a file.
  if (($(systemd_version) >= 254)); then
    run -78 inside /usr/local/bin/wsgi-once-generator "$(inside mktemp -d)"
  fi
  local log
  log=$(kernel_log)
  contains "$log" "/etc/wsgi-once/bad.conf:7: IdleTimeout: 'never' is not a time span"
  contains "$log" "/etc/wsgi-once/noise.conf"
  contains "$log" "/etc/wsgi-once/directory.conf: not a regular file"
  contains "$log" "/etc/wsgi-once/fifo.conf: not a regular file"
  contains "$log" "/etc/wsgi-once/nowhere.conf: cannot read"
}

@test "an app is served again after its file was broken, repaired, and its socket restarted" {
  app blog hello:app
  equal "$(http /)" "Hello."
  conf blog hello:app "Idle=1s"
  inside systemctl daemon-reload
  equal "$(show LoadState)" not-found
  conf blog hello:app "IdleTimeout=10min"
  inside systemctl daemon-reload
  inside systemctl restart "$UNIT.socket"
  equal "$(http /)" "Hello."
  contains "$(cmdline)" "--idle-timeout=10min"
}

@test "after a daemon-reload a removed file has no units" {
  app blog hello:app
  equal "$(http /)" "Hello."
  rm "$ROOT/etc/wsgi-once/blog.conf"
  inside systemctl daemon-reload
  equal "$(show_of "$UNIT.socket" LoadState)" not-found
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  eventually nothing_is_loaded
  run -5 inside systemctl start "$UNIT.socket"
  contains "$output" "not found"
}

nothing_is_loaded() {
  [[ -z $(units) ]]
}

@test "systemctl reports that a file has changed" {
  app blog hello:app
  equal "$(http /)" "Hello."
  equal "$(show NeedDaemonReload)" no
  conf blog hello:app "MaxWorkers=3"
  touch --date="next minute" "$ROOT/etc/wsgi-once/blog.conf"
  equal "$(show NeedDaemonReload)" yes
  equal "$(show SourcePath)" /etc/wsgi-once/blog.conf
  contains "$(inside systemctl status --no-pager "$SERVICE" 2>&1)" "systemctl daemon-reload"
  inside systemctl daemon-reload
  equal "$(show NeedDaemonReload)" no
  inside systemctl restart "$SERVICE"
  contains "$(cmdline)" "--max-workers=3"
}

@test "the target in [Install] starts the socket" {
  conf blog hello:app "[Install]" "WantedBy=sockets.target"
  conf other hello:app
  inside systemctl daemon-reload
  inside systemctl restart sockets.target
  eventually is wsgi-once-blog.socket active
  is wsgi-once-other.socket inactive
  select_app blog
  equal "$(http /)" "Hello."
}

@test "the administrator's file replaces or masks that of a package" {
  local vendor=$ROOT/usr/lib/wsgi-once
  mkdir -p "$vendor"
  app blog hello:app "[Service]" "MemoryMax=300M"
  mv "$ROOT/etc/wsgi-once/blog.conf" "$vendor"
  inside systemctl daemon-reload
  equal "$(show MemoryMax)" 314572800
  equal "$(show SourcePath)" /usr/lib/wsgi-once/blog.conf
  conf blog hello:app "[Service]" "MemoryMax=200M"
  inside systemctl daemon-reload
  equal "$(show MemoryMax)" 209715200
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  ln -sf /dev/null "$ROOT/etc/wsgi-once/blog.conf"
  inside systemctl daemon-reload
  equal "$(show LoadState)" not-found
  rm "$vendor/blog.conf"
}

@test "the file overrides the defaults, and the administrator's drop-in overrides the file" {
  app blog hello:app
  equal "$(show MemoryMax) $(show UMask)" "1073741824 0027"
  app blog hello:app "[Service]" "MemoryMax=300M" "UMask=0077" "[Socket]" "SocketMode=0600"
  equal "$(show MemoryMax) $(show UMask)" "314572800 0077"
  equal "$(show_of "$UNIT.socket" SocketMode)" 0600
  drop_in "$SERVICE" "[Service]" "MemoryMax=200M" "UMask=0007"
  drop_in "$UNIT.socket" "[Socket]" "SocketMode=0666"
  equal "$(show MemoryMax) $(show UMask)" "209715200 0007"
  equal "$(show_of "$UNIT.socket" SocketMode)" 0666
}

@test "with Accept=yes the same holds, and the sandbox is the lean one" {
  app each hello:app "[Socket]" "Accept=yes" "[Service]" "UMask=0077" "ProtectProc=invisible"
  drop_in "$UNIT@.service" "[Service]" "MemoryMax=200M"
  local instance=$UNIT@1.service
  equal "$(show_of "$instance" MemoryMax) $(show_of "$instance" UMask)" "209715200 0077"
  equal "$(show_of "$instance" ProtectKernelTunables)" no
  equal "$(show_of "$instance" ProtectProc)" invisible
  contains "$(show_of "$instance" FragmentPath)" /run/systemd/generator/
}

@test "handwritten units with a wsgi-once- name get user, directories and sandbox" {
  local units=$ROOT/etc/systemd/system
  printf '%s\n' "[Socket]" "ListenStream=/run/wsgi-once/hand.sock" \
    >"$units/wsgi-once-hand.socket"
  printf '%s\n' "[Service]" "Type=notify" \
    "ExecStart=/usr/local/bin/wsgi-once --directory=/srv/apps hello:app" \
    >"$units/wsgi-once-hand.service"
  inside systemctl daemon-reload
  inside systemctl start wsgi-once-hand.socket
  select_app hand
  equal "$(http /)" "Hello."
  equal "$(show ProtectSystem) $(show DynamicUser) $(show StateDirectory)" \
    "strict yes wsgi-once-hand"
  equal "$(inside stat --format %G /run/wsgi-once/hand.sock)" www-data
}

@test "a handwritten unit overrides the generated one" {
  printf '%s\n' "[Service]" "Type=notify" \
    "ExecStart=/usr/local/bin/wsgi-once --directory=/srv/apps variables:app" \
    >"$ROOT/etc/systemd/system/wsgi-once-blog.service"
  app blog hello:app
  equal "$(show FragmentPath)" /etc/systemd/system/wsgi-once-blog.service
}

@test "an app listens on several sockets with any name, and does not see their variables" {
  app blog os_environ:app "[Socket]" "FileDescriptorName=web" \
    "ListenStream=/run/wsgi-once/blog.sock" "ListenStream=127.0.0.1:8000" "ListenStream=[::1]:8000"
  local seen on_tcp=(nsenter --net --target "$SYSTEMD" curl --silent --max-time "$PATIENCE")
  seen=$(http /)
  contains "$seen" "HOME=/var/lib/wsgi-once-blog"
  [[ $seen != *LISTEN_* && $seen != *NOTIFY_SOCKET* ]]
  equal "$("${on_tcp[@]}" http://127.0.0.1:8000/)" "$seen"
  equal "$("${on_tcp[@]}" "http://[::1]:8000/")" "$seen"
  eventually shows StatusText '*3 served*'
}

@test "an app cannot set the priority of its output" {
  app blog prints_level:app
  equal "$(http /)" "Hello."
  eventually has_logged "<0>not that urgent"
  run ! grep -F "that urgent" \
    <(inside journalctl --output cat --priority warning --unit "$SERVICE")
}

@test "two apps have different users, and neither is root" {
  app one interpreter:app
  http / >/dev/null
  app two interpreter:app
  http / >/dev/null
  local one two
  one=$(show_of wsgi-once-one.service UID) two=$(show_of wsgi-once-two.service UID)
  ((one > 0 && two > 0 && one != two))
  # The workers run as that user, too.
  local server
  server=$(show MainPID)
  equal "$(inside ps --no-headers -o uid --ppid "$server" | sort -u | tr -d ' ')" "$two"
}
