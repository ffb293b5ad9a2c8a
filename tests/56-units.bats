#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# The files of apps, and what systemd makes of them: from `make install` to an answer.

load installed

# Prints the display of a manual page that follows a line, without its markup.
display_behind() { # page, line
  sed -n "/^$2/,/^\.Ed/p" "$TESTS/../src/$1" | sed '1,/^\.Bd/d; /^\.Ed/d'
}

cmdline() {
  tr '\0' '\n' <"$ROOT/proc/$(show MainPID)/cmdline"
}

@test "three lines are enough, as the manual has it" {
  mkdir -p "$ROOT/srv/blog"
  cp "$APPS/hello.py" "$ROOT/srv/blog/blog.py"
  display_behind wsgi-once.conf.5 "Three lines suffice" >"$ROOT/etc/wsgi-once/blog.conf"
  equal "$(wc -l <"$ROOT/etc/wsgi-once/blog.conf")" 3
  display_behind wsgi-once.conf.5 "If this is" >"$BATS_TEST_TMPDIR/commands"
  equal "$(wc -l <"$BATS_TEST_TMPDIR/commands")" 3
  run -0 --separate-stderr inside sh -e <"$BATS_TEST_TMPDIR/commands"
  equal "$output" "Hello."
}

@test "the socket is for root and the front server alone" {
  app blog hello:app
  equal "$(inside stat --format '%A %U %G' /run/wsgi-once/blog.sock)" "srw-rw---- root www-data"
  local as=(inside setpriv --reuid nobody --clear-groups)
  local ask=(curl --silent --show-error --unix-socket /run/wsgi-once/blog.sock http://localhost/)
  equal "$("${as[@]}" --regid www-data "${ask[@]}")" "Hello."
  run "${as[@]}" --regid nogroup "${ask[@]}"
  ((status != 0))
}

# What systemd would understand in its own ways: quotes, variables, specifiers, escapes, the end of
# a command.
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

@test "arguments reach the program as they were written" {
  local lines=()
  # A line must not end with a backslash: it would go on.
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

@test "an application may be a file with a space in its name" {
  mkdir -p "$ROOT/srv/my apps"
  cp "$APPS/hello.py" "$ROOT/srv/my apps/hello world.py"
  app blog "/srv/my apps/hello world.py"
  equal "$(http /)" "Hello."
  equal "$(cmdline | tail -n1)" "/srv/my apps/hello world.py"
}

# The command in the manual, which is about the app blog.
verify_as_promised() {
  local command
  command=$(sed -n 's/^\.Dl \(systemd-analyze verify .*\)/\1/p' "$TESTS/../src/wsgi-once.conf.5")
  contains "$command" wsgi-once-blog
  inside sh -c "$command"
}

@test "systemd-analyze verify says what is wrong with the sections that are systemd's" {
  local accept
  for accept in no yes; do
    conf blog hello:app "[Unit]" "After=postgresql.service" "[Service]" "MemoryMax=2G" \
      "[Socket]" "Accept=$accept" "[Install]" "WantedBy=sockets.target"
    inside systemctl daemon-reload
    run -0 verify_as_promised
    equal "$output" ""
    conf blog hello:app "[Unit]" "Afetr=postgresql.service" "[Service]" "MemroyMax=2G" \
      "[Socket]" "Accept=$accept" "SocketMoed=0666"
    inside systemctl daemon-reload
    run verify_as_promised
    contains "$output" "'Afetr'"
    contains "$output" "'MemroyMax'"
    contains "$output" "'SocketMoed'"
  done
}

@test "systemd-analyze verify has nothing to say of what is generated" {
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

@test "a file with an error is reported, harms no other, and nothing is made of it" {
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
  # systemd from 254 on lets its generators write to no files, and in here the kernel's log is one.
  if (($(systemd_version) >= 254)); then
    run -78 inside /usr/local/bin/wsgi-once-generator "$(inside mktemp -d)"
  fi
  local kernel_log
  kernel_log=$(inside grep -a wsgi-once-generator /dev/kmsg)
  contains "$kernel_log" "/etc/wsgi-once/bad.conf:7: IdleTimeout: 'never' is not a time span"
  contains "$kernel_log" "/etc/wsgi-once/noise.conf"
  contains "$kernel_log" "/etc/wsgi-once/directory.conf: not a regular file"
  contains "$kernel_log" "/etc/wsgi-once/fifo.conf: not a regular file"
  contains "$kernel_log" "/etc/wsgi-once/nowhere.conf: cannot read"
}

@test "an app whose file becomes wrong is served again when it is mended and restarted" {
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

@test "the units of a file that was removed are gone with the next reload" {
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

@test "systemctl notices that a file has changed" {
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

@test "a target that [Install] names starts the socket" {
  conf blog hello:app "[Install]" "WantedBy=sockets.target"
  conf other hello:app
  inside systemctl daemon-reload
  inside systemctl restart sockets.target
  eventually is wsgi-once-blog.socket active
  is wsgi-once-other.socket inactive
  select_app blog
  equal "$(http /)" "Hello."
}

@test "the administrator's file goes before that of a package, and can mask it" {
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

@test "the file goes before the defaults, and the administrator's drop-in before the file" {
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

@test "the same holds for the services of connections, whose sandbox is the lean one" {
  app each hello:app "[Socket]" "Accept=yes" "[Service]" "UMask=0077" "ProtectProc=invisible"
  drop_in "$UNIT@.service" "[Service]" "MemoryMax=200M"
  local instance=$UNIT@1.service
  equal "$(show_of "$instance" MemoryMax) $(show_of "$instance" UMask)" "209715200 0077"
  equal "$(show_of "$instance" ProtectKernelTunables)" no
  equal "$(show_of "$instance" ProtectProc)" invisible
  contains "$(show_of "$instance" FragmentPath)" /run/systemd/generator/
}

@test "units written by hand, by their name, have user, directories and sandbox" {
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

@test "a unit written by hand goes before the generated one" {
  printf '%s\n' "[Service]" "Type=notify" \
    "ExecStart=/usr/local/bin/wsgi-once --directory=/srv/apps variables:app" \
    >"$ROOT/etc/systemd/system/wsgi-once-blog.service"
  app blog hello:app
  equal "$(show FragmentPath)" /etc/systemd/system/wsgi-once-blog.service
}

@test "an app listens on several sockets, whatever they are called, and sees nothing of them" {
  app blog os_environ:app "[Socket]" "FileDescriptorName=web" \
    "ListenStream=/run/wsgi-once/blog.sock" "ListenStream=127.0.0.1:8000" "ListenStream=[::1]:8000"
  local seen on_tcp=(nsenter --net --target "$SYSTEMD" curl --silent --max-time 30)
  seen=$(http /)
  contains "$seen" "HOME=/var/lib/wsgi-once-blog"
  [[ $seen != *LISTEN_* && $seen != *NOTIFY_SOCKET* ]]
  equal "$("${on_tcp[@]}" http://127.0.0.1:8000/)" "$seen"
  equal "$("${on_tcp[@]}" "http://[::1]:8000/")" "$seen"
  eventually shows StatusText '*3 served*'
}

@test "what an app prints has no more weight than it has" {
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
  # Not the server alone, but its workers.
  local server
  server=$(show MainPID)
  equal "$(inside ps --no-headers -o uid --ppid "$server" | sort -u | tr -d ' ')" "$two"
}
