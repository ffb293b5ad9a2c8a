#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# The symptoms in DIAGNOSTICS of wsgi-once(8), each with the remedy that it names.

load installed

# entry_of SYMPTOM: prints what the manual says of it.
entry_of() {
  sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/p' "$TESTS/../src/wsgi-once.8" |
    head=".It $1" awk '/^\.(It|El)/ { inside = $0 == ENVIRON["head"] } inside'
}

# documented SYMPTOM [WORDS]...: it is in the manual, which names these remedies.
documented() {
  local entry words
  entry=$(entry_of "$1")
  [[ -n $entry ]] || equal "$1" "in the manual"
  for words in "${@:2}"; do
    contains "$entry" "$words"
  done
}

# again NAME [LINE]...: appends these lines to the app's file, and restarts everything.
again() {
  local file=$ROOT/etc/wsgi-once/$1.conf
  printf '%s\n' "${@:2}" >>"$file"
  inside systemctl daemon-reload
  inside systemctl restart "wsgi-once-$1.socket"
}

# bare LINE...: a hand-written pair of another name, which gets none of our defaults. SOCKET-LINES
# go before "--", those of the service behind.
bare() {
  local units=$ROOT/etc/systemd/system socket=() service=()
  while (($# > 0)) && [[ $1 != -- ]]; do
    socket+=("$1")
    shift
  done
  service=("${@:2}")
  printf '%s\n' "[Socket]" "ListenStream=/run/bare.sock" "${socket[@]}" >"$units/bare.socket"
  printf '%s\n' "${service[@]}" >"$units/bare$(accepted "${socket[@]}").service"
  inside systemctl daemon-reload
  inside systemctl restart bare.socket
  # shellcheck disable=SC2034 # for teardown
  UNIT=bare
  SERVICE=bare.service
  ADDRESS=$ROOT/run/bare.sock
  # shellcheck disable=SC2034 # for http
  TARGET=(--unix-socket "$ADDRESS")
}

accepted() { # line...
  [[ "$*" != *Accept=yes* ]] || echo @
}

# Prints what a front server would log when it cannot connect, as a user of no group that counts.
connect() {
  inside setpriv --reuid nobody --regid nogroup --clear-groups /usr/bin/python3 -c '
import socket
try:
    socket.socket(socket.AF_UNIX).connect("/run/wsgi-once/blog.sock")
except OSError as error:
    print(f"{error.errno}: {error.strerror}")'
}

journal_has() { # text
  inside journalctl --output cat --unit "$SERVICE" | grep -qF -- "$1"
}

@test "every symptom in the manual has a test" {
  local symptom symptoms
  mapfile -t symptoms < <(sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/s/^\.It //p' \
    "$TESTS/../src/wsgi-once.8")
  ((${#symptoms[@]} >= 19))
  for symptom in "${symptoms[@]}"; do
    grep -qF -e "  documented \"$symptom\"" -e "    \"$symptom\" \\" "$BATS_TEST_FILENAME" ||
      equal "$symptom" "tested"
  done
}

@test "a unit that is not found: the file has an error, which the generator shows" {
  documented "Unit wsgi-once-blog.socket not found." "wsgi-once-generator --dry-run"
  conf blog hello:app "IdelTimeout=90"
  inside systemctl daemon-reload
  run ! inside systemctl start wsgi-once-blog.socket
  contains "$output" "Unit wsgi-once-blog.socket not found."
  run -78 inside /usr/local/bin/wsgi-once-generator --dry-run
  contains "$output" "/etc/wsgi-once/blog.conf:4: unknown key 'IdelTimeout' in [App]"
  app blog hello:app "IdleTimeout=90"
  equal "$(http /)" "Hello."
}

@test "a unit that cannot be enabled: [Install] says it" {
  documented "Unit ... is transient or generated." "[Install] WantedBy=sockets.target"
  app blog hello:app
  run ! inside systemctl enable wsgi-once-blog.socket
  contains "$output" "is transient or generated"
  again blog "[Install]" "WantedBy=sockets.target"
  contains " $(show_of sockets.target Wants) " " wsgi-once-blog.socket "
}

@test "13, permission denied: the group of the socket" {
  documented "502 from the front server, (13: Permission denied) while connecting to upstream" \
    "[Socket] SocketGroup="
  app blog hello:app
  equal "$(connect)" "13: Permission denied"
  again blog "[Socket]" "SocketGroup=nogroup"
  equal "$(connect)" ""
}

@test "2, no such file, and 111, connection refused: the socket is not started" {
  documented "502, (2: No such file or directory) or (111: Connection refused)" \
    "systemctl restart wsgi-once-blog.socket"
  rm -f "$ROOT/run/wsgi-once/blog.sock"
  conf blog hello:app
  equal "$(connect)" "2: No such file or directory"
  again blog "[Socket]" "SocketGroup=nogroup"
  equal "$(connect)" ""
  inside systemctl stop wsgi-once-blog.socket
  equal "$(connect)" "111: Connection refused"
}

@test "activating (auto-restart): what systemd cannot start is not tried at once, and on and on" {
  documented "No answer, and the service is activating (auto-restart)" 217/USER
  app blog hello:app "[Service]" "DynamicUser=no" "User=nobody-is-called-so"
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  # Nobody takes the connection, for which the socket would start the next one.
  eventually shows SubState auto-restart
  equal "$(show ExecMainStatus)" 217
  conf blog hello:app
  inside systemctl daemon-reload
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "Hello."
}

@test "activating (auto-restart): likewise what ends before it can do anything" {
  documented "No answer, and the service is activating (auto-restart)" "127 a missing" SIGSYS
  local library
  library=$(ldd "$PROGRAM.so" | sed -n 's/.*libpython.* => \(.*\) .*/\1/p')
  app blog hello:app "[Service]" "InaccessiblePaths=$(realpath "$library")" "RestartSec=1s"
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  eventually shows SubState auto-restart
  equal "$(show ExecMainStatus)" 127
  conf blog hello:app "[Service]" "SystemCallErrorNumber=" "SystemCallFilter=~prctl" \
    "RestartSec=1s"
  inside systemctl daemon-reload
  eventually shows ExecMainStatus 31 # SIGSYS
  eventually shows SubState auto-restart
  conf blog hello:app
  inside systemctl daemon-reload
  wait $!
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "Hello."
}

@test "failed with 64 or 71: a wrong option, or no descriptors left; the next request tries again" {
  documented "500 for every request, and the service failed with exit status 64 or 71" \
    "TrustedProxy=unix:USER" "LimitNOFILE="
  app blog hello:app "TrustedProxy=unix:nobody-is-called-so" "[Service]" "PrivateUsers=no"
  contains "$(http /)" "500 "
  eventually shows ActiveState failed
  equal "$(show ExecMainStatus)" 64
  eventually journal_has "nobody-is-called-so"
  conf blog hello:app "[Service]" "LimitNOFILE=8"
  inside systemctl daemon-reload
  contains "$(http /)" "500 "
  eventually shows ExecMainStatus 71
  eventually journal_has "Too many open files"
  conf blog hello:app
  inside systemctl daemon-reload
  equal "$(http /)" "Hello."
}

@test "No module named: the directory" {
  documented "500, and No module named 'blog' in the journal" "Directory="
  mkdir -p "$ROOT/srv/site"
  cp "$APPS/hello.py" "$ROOT/srv/site/site_app.py"
  app blog site_app:app
  contains "$(http /)" "500 "
  eventually journal_has "No module named 'site_app'"
  again blog "Directory=/srv/site"
  equal "$(http /)" "Hello."
}

@test "cannot enter: a home that others may not go through" {
  documented "500, and cannot enter '/home/ada/site': Permission denied" 78 "chmod o+x /home/ada"
  mkdir -p "$ROOT/home/ada/site"
  chmod 750 "$ROOT/home/ada"
  cp "$APPS/hello.py" "$ROOT/home/ada/site"
  app blog hello:app "Directory=/home/ada/site"
  contains "$(http /)" "500 "
  eventually journal_has "cannot enter '/home/ada/site': Permission denied"
  eventually shows ExecMainStatus 78
  chmod o+x "$ROOT/home/ada"
  equal "$(http /)" "Hello."
}

@test "No module named 'encodings': the standard library cannot be read" {
  documented "cannot start Python: ... (No module named 'encodings')" "InaccessiblePaths="
  local library
  library=$(/usr/bin/python3 -IS -c 'import os; print(os.path.dirname(os.__file__))')
  app blog hello:app "[Service]" "InaccessiblePaths=$library"
  contains "$(http /)" "500 "
  eventually journal_has "cannot start Python: "
  eventually journal_has "(No module named 'encodings')"
  again blog "[Service]" "InaccessiblePaths="
  equal "$(http /)" "Hello."
}

@test "what cannot be written: next to the code" {
  documented "unable to open database file, or Read-only file system" STATE_DIRECTORY \
    "ReadWritePaths="
  app blog symptoms:app
  equal "$(http /database)" "OperationalError('unable to open database file')"
  contains "$(http /write)" "Read-only file system"
  equal "$(http /state)" "[]"
  inside chmod 777 /srv/apps
  again blog "[Service]" "ReadWritePaths=/srv/apps"
  equal "$(http /write)" None
}

@test "code that is made while it runs: MemoryDenyWriteExecute=" {
  documented "Operation not permitted, or Permission denied, from numba, cffi or a JIT" \
    "[Service] MemoryDenyWriteExecute=no"
  app blog symptoms:app
  contains "$(http /jit)" "PermissionError"
  again blog "[Service]" "MemoryDenyWriteExecute=no"
  equal "$(http /jit)" 4096
}

@test "/proc/meminfo is not there, for psutil and joblib: ProcSubset=" {
  documented \
    "No such file or directory: '/proc/meminfo' or '/proc/stat', TerminatedWorkerError" \
    "[Service] ProcSubset=all"
  app blog symptoms:app
  equal "$(http /machine)" "FileNotFoundError(2, 'No such file or directory')"
  again blog "[Service]" "ProcSubset=all"
  equal "$(http /machine)" None
}

@test "chmod to a mode with setgid, of a directory too: inherit it, or RestrictSUIDSGID=" {
  documented "Operation not permitted from chmod, mkdir or makedirs" \
    "DynamicUser=no User=blog RestrictSUIDSGID=no"
  app blog symptoms:app
  equal "$(http /)" "KeyError('/')" # its directories are there now
  mkdir "$ROOT/var/lib/wsgi-once-blog/files"
  inside chown --reference=/var/lib/wsgi-once-blog/. /var/lib/wsgi-once-blog/files
  equal "$(http "/setgid?one")" "PermissionError(1, 'Operation not permitted')"
  inside chmod g+s /var/lib/wsgi-once-blog/files
  equal "$(http "/inherits?two")" "'0o42750'" # by UMask=0027
  inside useradd --system blog
  again blog "[Service]" "RestrictSUIDSGID=no" # DynamicUser= insists
  contains "$(http "/setgid?three")" "Operation not permitted"
  again blog "[Service]" "DynamicUser=no" "User=blog"
  equal "$(http "/setgid?four")" None
}

@test "REMOTE_ADDR is empty and the scheme http, unless the front server is believed" {
  documented "REMOTE_ADDR is empty, or URLs begin with http://" \
    "TrustedProxy=unix TrustedField=X-Forwarded-For" "TrustedField=X-Forwarded-Proto"
  local front=(-H "X-Forwarded-For: 192.0.2.7" -H "X-Forwarded-Proto: https")
  app blog symptoms:app
  equal "$(http /client "${front[@]}")" "('http', '')"
  again blog TrustedProxy=unix TrustedField=X-Forwarded-For TrustedField=X-Forwarded-Proto
  equal "$(http /client "${front[@]}")" "('https', '192.0.2.7')"
}

@test "HOME is not set for a user that systemd makes, but in our units" {
  documented "KeyError: 'HOME', or caches in /" "HOME=%S/%p"
  bare -- "[Service]" "DynamicUser=yes" \
    "ExecStart=/usr/local/bin/wsgi-once --directory=/srv/apps symptoms:app"
  equal "$(http /home)" "KeyError('HOME')"
  app blog symptoms:app
  equal "$(http /home)" "'/var/lib/wsgi-once-blog'"
}

# What a client sees of a socket that systemd has given up.
refuses() {
  local result=0
  http / || result=$?
  ((result == 7))
}

@test "service-start-limit-hit: a unit of another name without StartLimitIntervalSec=0" {
  documented "The socket failed with service-start-limit-hit, Connection refused" \
    "[Unit] StartLimitIntervalSec=0"
  local start="ExecStart=/usr/local/bin/wsgi-once nothing:app"
  bare -- "[Service]" "$start"
  eventually refuses
  equal "$(show_of bare.socket Result)" service-start-limit-hit
  bare -- "[Unit]" "StartLimitIntervalSec=0" "[Service]" "$start"
  for _ in {1..8}; do contains "$(http /)" "500 "; done
  equal "$(show_of bare.socket ActiveState)" active
}

@test "trigger-limit-hit: a socket of another name without TriggerLimitIntervalSec=0" {
  documented "The socket failed with trigger-limit-hit" "[Socket] TriggerLimitIntervalSec=0"
  local service=("[Service]" "ExecStart=/usr/local/bin/wsgi-once --directory=/srv/apps hello:app")
  # A limit of 200 is not reached by every machine in two seconds.
  bare Accept=yes TriggerLimitBurst=3 TriggerLimitIntervalSec=1h -- "${service[@]}"
  eventually refuses
  equal "$(show_of bare.socket Result)" trigger-limit-hit
  bare Accept=yes TriggerLimitBurst=3 TriggerLimitIntervalSec=0 -- "${service[@]}"
  for _ in {1..8}; do equal "$(http /)" "Hello."; done
}

@test "closed at once: more than MaxConnections=" {
  documented "With Accept=yes, some connections are closed at once" "MaxConnections="
  app blog hello:app "[Socket]" "Accept=yes" "MaxConnections=1"
  mkfifo "$BATS_TEST_TMPDIR/hold"
  talk send 'GET / HTTP/1.1\r\n' meet "$BATS_TEST_TMPDIR/hold" reset >/dev/null &
  eventually has_connections 1
  # An end, or a reset, however far the client has come by then; and nothing before it.
  run talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' read
  equal "$output" ""
  # shellcheck disable=SC2031 # that of run
  [[ $status == [03] ]]
  cat "$BATS_TEST_TMPDIR/hold"
  wait $!
  eventually has_connections 0
  equal "$(http /)" "Hello."
}

has_connections() {
  [[ $(show_of wsgi-once-blog.socket NConnections) == "$1" ]]
}

@test "an answer that is cut off: the journal names the request that was killed, and its signal" {
  documented "A response is cut off, and the journal says killed by signal 9" "MemoryMax="
  app blog eats_memory:app "[Service]" "MemoryMax=100M" "MemorySwapMax=0"
  http /hello
  needs_controller memory
  run ! http /eat
  eventually journal_has "GET /eat: "
  inside journalctl --output cat --unit "$SERVICE" | grep -F "GET /eat: " | grep -F "signal 9"
}
