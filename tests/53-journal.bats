#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# The log in the journal of a real systemd: records can be selected by their fields, and share
# fields with the lines that the application prints. Tests of the log as text are in 52-log.bats.

load booted

# instances ARGUMENTS [SERVICE-LINE]...: like unit, but with a service for each connection.
instances() {
  local arguments=$1 units=$ROOT/run/systemd/system
  SERVICE="$UNIT@*.service" # for teardown
  shift
  mkdir -p "$units"
  printf '%s\n' >"$units/$UNIT.socket" "[Socket]" "ListenStream=$PLACE/socket" "Accept=yes"
  printf '%s\n' >"$units/$UNIT@.service" "[Unit]" "CollectMode=inactive-or-failed" "[Service]" \
    "ExecStart=$(realpath "$PROGRAM") --python-path=$APPS $arguments" \
    "Environment=PYTHONDONTWRITEBYTECODE=1 FIFOS=$PLACE" "LimitCORE=0" "$@"
  inside systemctl daemon-reload
  inside systemctl start "$UNIT.socket"
}

# id NAME: prints the match for a MESSAGE_ID of the program.
id() {
  sed -n "s/^#define MESSAGE_ID_$1 \"\(.*\)\"/MESSAGE_ID=\1/p" "$TESTS/../src/log/message_ids.h"
}

# fields NAME... -- MATCH...: prints a line for each record of this test's units that matches, with
# the values of these fields, separated by "|". A missing field is empty.
fields() {
  local names=()
  while [[ $1 != -- ]]; do
    names+=("$1")
    shift
  done
  inside journalctl --output json --unit "$UNIT.service" --unit "$UNIT@*" "${@:2}" |
    /usr/bin/python3 -IS -c '
import json, sys
for line in sys.stdin:
    record = json.loads(line)
    print("|".join(str(record.get(name, "")) for name in sys.argv[1:]))' "${names[@]}"
}

# has_records COUNT MATCH...
has_records() {
  (($(fields PRIORITY -- "${@:2}" | wc -l) == $1))
}

# ---- access records ----

@test "an access record has its fields, and the combined log format as its message" {
  unit "--idle-timeout=1h hello:app"
  http '/path?query' --user-agent agent
  eventually has_records 1 "$(id ACCESS)"
  equal "$(fields PRIORITY SYSLOG_IDENTIFIER WSGI_APP WSGI_METHOD WSGI_TARGET WSGI_STATUS \
    WSGI_PEER _TRANSPORT -- "$(id ACCESS)")" \
    "6|wsgi-once|hello:app|GET|/path?query|200|unix|journal"
  run -0 fields MESSAGE -- "$(id ACCESS)"
  [[ $output =~ ^-\ -\ -\ \[.*\]\ \"GET\ /path\?query\ HTTP/1.1\"\ 200\ 7\ \"-\"\ \"agent\"$ ]]
  # The numbers are plausible.
  IFS='|' read -r duration cpu memory < <(fields WSGI_DURATION_USEC WSGI_CPU_USEC \
    WSGI_MEMORY_PEAK -- "$(id ACCESS)")
  ((duration > 0 && duration < 60000000 && cpu >= 0 && cpu <= 60000000))
  ((memory > 1 << 20 && memory < 1 << 30))
}

@test "the record of a client on the network has its address and port" {
  unit "--idle-timeout=1h hello:app"
  nsenter --net --target "$SYSTEMD" curl --silent --local-port 40000-40100 http://127.0.0.1:8000/
  eventually has_records 1 "$(id ACCESS)"
  [[ $(fields WSGI_PEER -- "$(id ACCESS)") =~ ^127\.0\.0\.1:40[0-9]{3}$ ]]
}

# count_bytes PATH [CURL-ARGUMENT]...: the record has the numbers of bytes that curl sent and
# received, including the framing.
count_bytes() {
  local sent head content answer=$BATS_TEST_TMPDIR/answer trace=$BATS_TEST_TMPDIR/trace
  COUNTED=$((${COUNTED:-0} + 1))
  head=$(http "$@" --raw --output "$answer" --trace "$trace" --write-out '%{size_header}')
  # In some versions of curl, %{size_request} counts the head only.
  sent=$(awk '/^=> Send (header|data), / { sum += $4 } END { print sum }' "$trace")
  content=$(wc -c <"$answer")
  [[ " $* " != *" --head "* ]] || content=0 # curl wrote the head to the file
  eventually has_records "$COUNTED" "$(id ACCESS)"
  equal "$(fields WSGI_BYTES_IN WSGI_BYTES_OUT -- "$(id ACCESS)" | tail -n1)" \
    "$sent|$((head + content))"
}

@test "an access record counts the bytes on the wire" {
  local content=$BATS_TEST_TMPDIR/content
  head --bytes 300000 /dev/zero >"$content"
  unit "--idle-timeout=1h yields:app"
  count_bytes /               # chunked
  count_bytes / --http1.0     # to the end of the connection
  count_bytes / --head        # without content
  count_bytes /%zz            # refused
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  cp "$content" "$FIFOS/file"
  unit "--idle-timeout=1h sends_file:app"
  count_bytes / --header "File: open(f'{FILES}/file', 'rb')"
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  unit "--idle-timeout=1h reads:app"
  count_bytes / --header "Do: len(input.read())" --data-binary "@$content" --header "Expect:"
  count_bytes / --header "Do: 'nothing'" --data-binary "@$content" --header "Expect:"
  # "100 Continue" counts, too.
  count_bytes / --header "Do: len(input.read())" --data abc --header "Expect: 100-continue"
}

@test "records can be selected by status, by unit and by application" {
  unit "--idle-timeout=1h responds:app"
  local status
  for status in "500 Oops" "200 OK" "404 Not Found" "500 Again"; do
    http /"${status%% *}" --header "Start: '$status', []"
  done
  eventually has_records 4 "$(id ACCESS)"
  equal "$(fields WSGI_TARGET WSGI_STATUS -- WSGI_STATUS=500)" $'/500|500\n/500|500'
  equal "$(fields WSGI_TARGET -- WSGI_APP=responds:app WSGI_STATUS=404)" /404
}

@test "every access record has its unit, although the process exits right after it" {
  unit "--idle-timeout=1h hello:app"
  for ((n = 0; n < 50; n++)); do http / --output /dev/null; done
  eventually has_records 50 "$(id ACCESS)" _SYSTEMD_INVOCATION_ID="$(show InvocationID)"
}

@test "the last message of a server that fails has its unit, too" {
  unit "closes_descriptors:app"
  for ((n = 0; n < 40; n++)); do run ! inside systemctl start "$SERVICE"; done
  eventually has_records 40 MESSAGE="the import closed file descriptors of the server, including \
its sockets"
}

@test "a record and the app's output share the process and the invocation" {
  unit "--idle-timeout=1h --spare=1 journal_stream:app"
  local pid id
  equal "$(http /first)" yes
  equal "$(http /second)" yes
  eventually has_records 2 "$(id ACCESS)"
  eventually has_logged "said of $(fields WSGI_REQUEST_ID -- WSGI_TARGET=/first)"
  eventually has_logged "said of $(fields WSGI_REQUEST_ID -- WSGI_TARGET=/second)"
  for target in /first /second; do
    IFS='|' read -r pid id < <(fields _PID WSGI_REQUEST_ID -- WSGI_TARGET=$target)
    [[ $id =~ ^[0-9a-f]{32}$ ]]
    equal "$(fields MESSAGE -- _PID="$pid" _SYSTEMD_INVOCATION_ID="$(show InvocationID)" \
      _TRANSPORT=stdout)" "said of $id"
  done
}

@test "a message about a request has its fields, and a priority" {
  unit "--idle-timeout=1h --mount=/app raises:app"
  http /app/x >"$BATS_TEST_TMPDIR/answer"
  http /elsewhere >"$BATS_TEST_TMPDIR/answer"
  eventually has_records 2 "$(id ACCESS)"
  equal "$(fields MESSAGE PRIORITY WSGI_METHOD WSGI_APP -- WSGI_TARGET=/app/x PRIORITY=3)" \
    "GET /app/x: the application raised an exception|3|GET|raises:app"
  equal "$(fields MESSAGE -- WSGI_TARGET=/elsewhere PRIORITY=6 | head -n1)" \
    "GET /elsewhere: answered 404: no application is mounted at this path"
  # Both records of a request have its ID.
  run -0 fields WSGI_REQUEST_ID -- WSGI_TARGET=/app/x
  equal "${#lines[@]}" 2
  [[ ${lines[0]} =~ ^[0-9a-f]{32}$ && ${lines[1]} == "${lines[0]}" ]]
}

@test "a newline in a value does not start another field" {
  local app=$PLACE/$'a\nPRIORITY=0\nb.wsgi'
  cp "$APPS/hello.py" "$ROOT$app"
  unit "\"$PLACE/a\\nPRIORITY=0\\nb.wsgi\"" "Environment=X=y"
  equal "$(http /)" "Hello."
  eventually has_records 1 "$(id ACCESS)"
  equal "$(fields PRIORITY WSGI_APP -- "$(id ACCESS)")" "6|$app"
}

@test "--access-log=stderr writes text to the stream, --access-log=none nothing" {
  unit "--idle-timeout=1h --access-log=stderr hello:app"
  http /streamed
  eventually has_logged '"GET /streamed HTTP/1.1" 200 7'
  equal "$(fields _TRANSPORT WSGI_STATUS -- _SYSTEMD_UNIT="$SERVICE" | grep -c '^stdout|$')" 1
  has_records 0 "$(id ACCESS)"
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  instances "--access-log=none raises:app"
  http /silent >"$BATS_TEST_TMPDIR/answer"
  eventually has_records 1 WSGI_TARGET=/silent # the message about the exception
  has_records 0 "$(id ACCESS)"
  has_records 0 "$(id REQUEST_BEGINS)"
}

# ---- a service for each connection ----

@test "when a connection's service is killed, a record names the request that it began" {
  instances "misbehaves:app"
  run http /dies_with_child?which
  eventually has_records 1 "$(id REQUEST_BEGINS)"
  equal "$(fields MESSAGE PRIORITY WSGI_TARGET WSGI_METHOD -- "$(id REQUEST_BEGINS)")" \
    "GET /dies_with_child?which: begins|7|/dies_with_child?which|GET"
  # It is next to systemd's own message in the log of the instances.
  eventually instances_have_logged "code=killed, status=9/KILL"
  instances_have_logged "GET /dies_with_child?which: begins"
  has_records 0 "$(id ACCESS)"
}

instances_have_logged() {
  inside journalctl --output cat --unit "$UNIT@*" | grep -qF -- "$1"
}

@test "only a connection's service records that a request begins" {
  unit "hello:app"
  http /worker
  eventually has_records 1 "$(id ACCESS)" WSGI_TARGET=/worker
  has_records 0 "$(id REQUEST_BEGINS)" WSGI_TARGET=/worker
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  instances "hello:app"
  http /instance
  eventually has_records 1 "$(id ACCESS)" WSGI_TARGET=/instance
  has_records 1 "$(id REQUEST_BEGINS)" WSGI_TARGET=/instance
}

@test "the journal is found when the connection is on all standard streams" {
  instances "journal_stream:app" "StandardInput=socket" "StandardOutput=socket" \
    "StandardError=socket"
  equal "$(http /)" yes
  eventually has_records 1 "$(id ACCESS)"
  local id
  id=$(fields WSGI_REQUEST_ID -- "$(id ACCESS)")
  eventually instances_have_logged "said of $id"
}

# ---- events of a server ----

@test "a server that is ready logs the version of Python and the duration of the import" {
  unit "hello:app"
  http /
  eventually has_records 1 "$(id SERVING)"
  local version usec message
  IFS='|' read -r version usec message < <(fields WSGI_PYTHON_VERSION WSGI_IMPORT_USEC MESSAGE -- \
    "$(id SERVING)" PRIORITY=6)
  contains "$("$PROGRAM" --version)" "built for $version:"
  ((usec > 0))
  contains "$message" "serving hello:app (Python $version, imported in "
}

@test "the message about a killed worker names it and its request, and there is an access record" {
  unit "--idle-timeout=1h misbehaves:app"
  run http /dies_with_child
  eventually has_records 1 "$(id WORKER_KILLED)"
  equal "$(fields PRIORITY WSGI_METHOD WSGI_TARGET -- "$(id WORKER_KILLED)")" \
    "3|GET|/dies_with_child"
  contains "$(fields MESSAGE -- "$(id WORKER_KILLED)")" "was killed by signal 9"
  eventually has_records 1 "$(id ACCESS)"
  # Both have the process and its request ID.
  local killed
  killed=$(fields WSGI_WORKER_PID WSGI_REQUEST_ID -- "$(id WORKER_KILLED)")
  [[ $killed =~ ^[0-9]+\|[0-9a-f]{32}$ ]]
  equal "$(fields WSGI_WORKER_PID WSGI_REQUEST_ID WSGI_STATUS -- "$(id ACCESS)")" "$killed|"
}

@test "--request-timeout logs the limit, and an access record with 504" {
  unit "--idle-timeout=1h --request-timeout=500ms hangs:in_sleep"
  local sent head content
  read -r sent head content < <(http /hang --output /dev/null \
    --write-out '%{size_request} %{size_header} %{size_download}\n')
  eventually has_records 1 "$(id LIMIT_HIT)"
  contains "$(fields MESSAGE -- "$(id LIMIT_HIT)")" "timed out (--request-timeout)"
  eventually has_records 1 "$(id ACCESS)"
  equal "$(fields WSGI_STATUS WSGI_METHOD WSGI_TARGET WSGI_PEER WSGI_BYTES_IN WSGI_BYTES_OUT -- \
    "$(id ACCESS)")" "504|GET|/hang|unix|$sent|$((head + content))"
  equal "$(fields WSGI_WORKER_PID WSGI_REQUEST_ID -- "$(id ACCESS)")" \
    "$(fields WSGI_WORKER_PID WSGI_REQUEST_ID -- "$(id LIMIT_HIT)")"
  (($(fields WSGI_DURATION_USEC -- "$(id ACCESS)") >= 500000))
}

@test "--limit-cpu and --import-timeout log the limit" {
  unit "--idle-timeout=1h --limit-cpu=1s misbehaves:app"
  run http /burns
  eventually has_records 1 "$(id LIMIT_HIT)"
  contains "$(fields MESSAGE -- "$(id LIMIT_HIT)")" "exceeded its CPU time (--limit-cpu)"
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  unit "--import-timeout=300ms hangs_at_import:app"
  http / >"$BATS_TEST_TMPDIR/answer"
  eventually has_records 2 "$(id LIMIT_HIT)"
  contains "$(fields MESSAGE -- "$(id LIMIT_HIT)" | tail -n1)" "--import-timeout"
}

# stop_journal: stops journald until SIGCONT, and fills its socket.
stop_journal() {
  inside systemctl kill --signal=STOP systemd-journald
  inside /usr/bin/python3 -IS -c '
import socket
try:
    while True:
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(
            b"", socket.MSG_DONTWAIT, "/run/systemd/journal/socket")
except BlockingIOError:
    pass'
}

# continue_journal: continues it. Returns when it has received everything: until then, records of
# later tests could still be written as text.
continue_journal() {
  inside systemctl kill --signal=CONT systemd-journald
  inside journalctl --sync
}

@test "a server keeps serving when the journal is stuck" {
  unit "--idle-timeout=1h --max-workers=16 --spare=16 misbehaves:app"
  http /well
  stop_journal
  # The test must not end before the journal continues.
  seq 16 | run xargs -P16 -I{} curl --silent --unix-socket "$ADDRESS" http://localhost/exits
  run http /well
  continue_journal
  equal "$status" 0
  # The records were written as text.
  eventually has_logged "GET /exits: worker"
}

# Each signal restarts the wait for the journal.
@test "a process that gets one signal after another exits when the journal is stuck" {
  unit "--idle-timeout=1h misbehaves:app"
  http /well
  stop_journal
  run http /raises_among_signals
  continue_journal
  equal "$status" 0
}

@test "a reload and a failed reload are logged" {
  local app=$ROOT$PLACE/changing.py
  cp "$APPS/hello.py" "$app"
  unit "--idle-timeout=1h $PLACE/changing.py"
  http /
  inside systemctl reload "$SERVICE"
  eventually has_records 1 "$(id RELOADED)"
  equal "$(fields PRIORITY MESSAGE -- "$(id RELOADED)")" "5|reloaded $PLACE/changing.py"
  echo broken >"$app"
  inside systemctl reload "$SERVICE"
  eventually has_records 1 "$(id RELOAD_FAILED)"
  equal "$(fields PRIORITY -- "$(id RELOAD_FAILED)")" 3
  has_records 1 "$(id IMPORT_FAILED)" # the reason
}

# The server has logged the first reload before it starts the second one.
@test "a worker does not inherit descriptors for logging" {
  unit "--idle-timeout=1h descriptors:app"
  local before n
  before=$(http / | wc -l)
  for n in 1 2; do
    inside systemctl reload "$SERVICE"
    eventually has_records "$n" "$(id RELOADED)"
  done
  equal "$(http / | wc -l)" "$before"
}

@test "a failed import is logged, with and without a server" {
  unit "no_such_module:app"
  http / >"$BATS_TEST_TMPDIR/answer"
  eventually has_records 1 "$(id IMPORT_FAILED)"
  equal "$(fields PRIORITY WSGI_APP -- "$(id IMPORT_FAILED)")" "3|no_such_module:app"
  inside systemctl stop "$UNIT.socket" "$SERVICE"
  instances "no_such_module:app"
  http / >"$BATS_TEST_TMPDIR/answer"
  eventually has_records 2 "$(id IMPORT_FAILED)"
  equal "$(fields WSGI_TARGET -- "$(id IMPORT_FAILED)" | tail -n1)" /
}

@test "journalctl -x explains the records when the catalog is installed" {
  local catalog=/usr/lib/systemd/catalog/wsgi-once.catalog
  mkdir -p "$ROOT${catalog%/*}"
  cp "$TESTS/../systemd/wsgi-once.catalog" "$ROOT$catalog"
  inside journalctl --update-catalog
  unit "--idle-timeout=1h hello:app"
  http /explained
  eventually has_records 1 "$(id ACCESS)"
  run -0 inside journalctl --catalog --unit "$SERVICE" "$(id ACCESS)"
  contains "$output" "A request of hello:app has ended: 200"
  contains "$output" "The request GET /explained was answered with the status 200,"
  contains "$output" \
    "journalctl WSGI_REQUEST_ID=$(fields WSGI_REQUEST_ID -- "$(id ACCESS)")"
}
