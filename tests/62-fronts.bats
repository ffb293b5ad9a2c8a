#!/usr/bin/env bats
# ways: fronts
# lasts: 120 s
#
# nginx, HAProxy, Apache and Caddy in front of wsgi-once, as the examples configure them: none of
# them retries a request. Each test runs with all of them: the last "behind" in its output names the
# one that failed.

# shellcheck disable=SC2030,SC2031 # what a test calls is in the same shell

load fronts

ALL_APPS=(each-unix each-tcp server-unix server-tcp)

# Runs a function of the test behind each front, with each app of a list. Its argument is the front.
everywhere() { # function, app...
  local front app
  for front in "${FRONTS[@]}"; do
    for app in "${@:2}"; do
      behind "$front" "$app"
      "$1" "$front"
    done
  done
}

# Prints the content that tests/apps/random_content.py sends.
content() {
  PYTHONPATH=$APPS /usr/bin/python3 -c 'import sys, random_content as it
sys.stdout.buffer.writelines(it.app({"QUERY_STRING": ""}, lambda *_: None))'
}

# ---- requests and answers ------------------------------------------------------------------------

@test "GET and HEAD return the app's status and fields" {
  everywhere gets_and_heads "${ALL_APPS[@]}"
}

gets_and_heads() {
  equal "$(http /)" "Hello."
  run -0 http / --head
  contains "$output" "HTTP/1.1 200 OK"
  [[ ${output,,} == *"content-length: 7"* ]]
  run -0 http /responds --include \
    --header "Start: '404 Not Here', [('X-Word', 'one')] + [('Set-Cookie', s) for s in ('a', 'b')]"
  contains "$output" " 404 "
  contains "${output,,}" $'x-word: one\r\n'
  contains "${output,,}" $'set-cookie: a\r\nset-cookie: b\r\n'
  contains "$output" "the answer"
  equal "$(status /responds --header "Start: '204 No Content', []" --header "Return: []")" 204
  equal "$(status /responds --header "Start: '304 Not Modified', []" --header "Return: []")" 304
}

@test "the app sees the requested path and host, and no forged X-Forwarded fields" {
  everywhere gets_path_and_host "${ALL_APPS[@]}"
}

gets_path_and_host() {
  local environ=$BATS_TEST_TMPDIR/environ
  http "/environ/a%2Fb%20%C3%BC;c?x=%26&y" --header "Host: www.example.org" \
    --header "X-Forwarded-For: 192.0.2.1" --header "X-Forwarded-Proto: gopher" \
    --header "X-Forwarded-Host: evil.example" --header "Forwarded: for=192.0.2.1" \
    --header "X-Word: one" \
    --header "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host" >"$environ"
  grep -qE "^HTTP_CONNECTION='(.*, )?close'$" "$environ"
  equal "$(grep -E '^(REQUEST_URI|HTTP_(HOST|X_WORD|X_FORWARDED_[FPH].*|FORWARDED))=' \
    "$environ")" "HTTP_HOST='www.example.org'
HTTP_X_FORWARDED_FOR='127.0.0.1'
HTTP_X_FORWARDED_HOST='www.example.org'
HTTP_X_FORWARDED_PROTO='http'
HTTP_X_WORD='one'
REQUEST_URI='/environ/a%2Fb%20%C3%BC;c?x=%26&y'"
}

@test "a host in the request line overrides the Host field" {
  everywhere gets_one_host server-unix trusting-unix
}

# RFC 9112 §3.2.2. HAProxy refuses a Host field that differs.
gets_one_host() {
  local start rest
  rest='HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n'
  for start in "GET http:" "GET  HTTP:" "GET ftp:"; do
    run -0 talk send "$start//www.example.org/environ $rest" read
    [[ $output == "HTTP/1.1 "[24]* && $output != *evil.example* ]]
  done
  run -0 talk send \
    "GET http://www.example.org:81/environ ${rest/evil.example/www.example.org:81}" read
  contains "$output" "HTTP_HOST='www.example.org:81'"
}

@test "with the lines of its example, the front server names the client" {
  local front
  for front in "${FRONTS[@]}"; do
    equal "$front: $(trusting_lines "$front")" "$front: TrustedProxy=unix
TrustedField=X-Forwarded-For
TrustedField=X-Forwarded-Proto
TrustedField=X-Forwarded-Host"
  done
  everywhere knows_client trusting-unix trusting-tcp
}

knows_client() {
  local environ
  environ=$(http /environ --interface 127.0.0.2 --header "Host: www.example.org" \
    --header "X-Forwarded-For: 192.0.2.1" --header "X-Forwarded-Proto: https")
  equal "$(grep -E '^(REMOTE_ADDR|SERVER_NAME|wsgi.url_scheme)=' <<<"$environ")" \
    "REMOTE_ADDR='127.0.0.2'
SERVER_NAME='www.example.org'
wsgi.url_scheme='http'"
}

# ---- large content -------------------------------------------------------------------------------

@test "uploads of 64 MiB arrive unchanged, with a length and in chunks" {
  content >"$BATS_TEST_TMPDIR/content"
  HASH=$(sha256sum <"$BATS_TEST_TMPDIR/content" | cut -d' ' -f1)
  everywhere uploads "${ALL_APPS[@]}"
}

# Without Expect, which curl would add.
uploads() {
  local field
  for field in "Content-Length: $((64 << 20))" "Transfer-Encoding: chunked"; do
    run -0 http /digests --header "$field" --header "Expect:" \
      --data-binary "@$BATS_TEST_TMPDIR/content"
    equal "${output% *}" "$HASH"
  done
}

# nginx buffers every upload, Apache those without a length.
@test "a front server that buffers an upload without a length adds the length" {
  FRONTS=(nginx apache2)
  everywhere gives_a_length "${ALL_APPS[@]}"
  FRONTS=(haproxy caddy)
  everywhere gives_none server-unix
}

length_of_chunked() {
  http /environ --header "Transfer-Encoding: chunked" --data-binary "@$BATS_TEST_TMPDIR/content" |
    sed -n "s/^CONTENT_LENGTH='\(.*\)'/\1/p"
}

gives_a_length() {
  local size
  for size in 10 100000 3000000; do
    head --bytes="$size" /dev/zero >"$BATS_TEST_TMPDIR/content"
    equal "$(length_of_chunked)" "$size"
  done
}

gives_none() {
  echo hello >"$BATS_TEST_TMPDIR/content"
  equal "$(length_of_chunked)" ""
}

@test "slow uploads occupy no worker behind nginx" {
  FRONTS=(nginx)
  everywhere occupies_no_worker server-unix server-tcp
}

# More slow clients than workers, and other requests at the same time.
occupies_no_worker() {
  run -0 nsenter --net --target "$SYSTEMD" /usr/bin/python3 -c '
import http.client, socket, sys
address = "127.0.0.1", int(sys.argv[1])
slow = [socket.create_connection(address, timeout=20) for _ in range(20)]
for client in slow:
    client.sendall(b"POST /echoes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                   b"Content-Length: 10\r\n\r\nhello")
for _ in range(5):
    other = http.client.HTTPConnection(*address, timeout=20)
    other.request("GET", "/")
    print(other.getresponse().read().decode(), end="")
for client in slow:
    client.sendall(b", you")
print(sum(client.makefile("rb").read().endswith(b"\r\n\r\nhello, you") for client in slow))
' "$ADDRESS"
  equal "$output" $'Hello.\nHello.\nHello.\nHello.\nHello.\n20'
}

@test "downloads of 64 MiB arrive unchanged, with a length and without" {
  HASH=$(content | sha256sum)
  everywhere downloads "${ALL_APPS[@]}"
}

downloads() {
  equal "$(http /random_content | sha256sum)" "$HASH"
  equal "$(http "/random_content?length" | sha256sum)" "$HASH"
}

@test "64 MiB are echoed unchanged" {
  content >"$BATS_TEST_TMPDIR/content"
  everywhere echoes "${ALL_APPS[@]}"
}

echoes() {
  http /echoes --header "Expect:" --data-binary "@$BATS_TEST_TMPDIR/content" |
    cmp - "$BATS_TEST_TMPDIR/content"
}

# ---- 100-continue --------------------------------------------------------------------------------

# Some fronts send it before they connect to the app, and some add fields to the app's.
@test "a client that waits for 100 Continue gets it, and the answer" {
  everywhere waits_for_continue "${ALL_APPS[@]}"
}

waits_for_continue() {
  run -0 talk send 'POST /echoes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n' \
    send 'Content-Length: 5\r\nExpect: 100-continue\r\n\r\n' \
    expect ' 100 Continue\r\n' expect '\r\n\r\n' send hello read
  contains "$output" "HTTP/1.1 200 OK"
  equal "${output##*$'\r\n'}" "hello"
  equal "$(http /echoes --header "Expect: 100-continue" --header "Transfer-Encoding: chunked" \
    --expect100-timeout "$PATIENCE" --data hello)" "hello"
}

# ---- slow clients --------------------------------------------------------------------------------

@test "slow clients are served, and do not delay others" {
  everywhere serves_slow_clients "${ALL_APPS[@]}"
}

serves_slow_clients() {
  local slow answer=$BATS_TEST_TMPDIR/answer
  [[ -p $FIFOS/one ]] || mkfifo "$FIFOS/one" "$FIFOS/two"
  talk send 'POST /echoes HTTP/1.1\r\nHo' meet "$FIFOS/one" \
    send 'st: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhello' meet "$FIFOS/two" \
    send ', you' read >"$answer" &
  slow=$!
  read_fifo "$FIFOS/one"
  equal "$(http /)" "Hello."
  read_fifo "$FIFOS/two"
  equal "$(http /)" "Hello."
  wait "$slow"
  contains "$(cat "$answer")" "hello, you"
  # a client that reads its answer slowly
  talk send 'GET /random_content?length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' \
    expect '\r\n\r\n' meet "$FIFOS/one" read-slowly 65536 >"$answer" &
  slow=$!
  read_fifo "$FIFOS/one"
  equal "$(http /)" "Hello."
  wait "$slow"
  equal "$(tail -c $((64 << 20)) "$answer" | sha256sum)" "${HASH:=$(content | sha256sum)}"
}

# ---- early answers -------------------------------------------------------------------------------

@test "the answer to an upload that the app does not read is forwarded" {
  truncate --size=64M "$BATS_TEST_TMPDIR/zeros"
  everywhere forwards_early_answer "${ALL_APPS[@]}"
}

forwards_early_answer() {
  local field
  for field in "Content-Length: $((64 << 20))" "Transfer-Encoding: chunked"; do
    run http /responds --header "$field" --header "Expect:" --write-out ' %{http_code}' \
      --header "Start: '403 Forbidden', []" --header "Return: [b'refused']" \
      --data-binary "@$BATS_TEST_TMPDIR/zeros"
    equal "$output" "refused 403"
  done
}

@test "the answer 413 of wsgi-once to an upload that is too large is forwarded" {
  truncate --size=64M "$BATS_TEST_TMPDIR/zeros"
  everywhere forwards_413 impatient-unix
}

forwards_413() {
  local field
  for field in "Content-Length: $((64 << 20))" "Transfer-Encoding: chunked"; do
    run http /echoes --header "$field" --header "Expect:" --data-binary "@$BATS_TEST_TMPDIR/zeros"
    contains "$output" "413 Content Too Large: "
  done
}

# nginx and Apache receive, or send, the whole upload before they read an answer.
@test "behind HAProxy and Caddy, a client that is still sending gets an early answer" {
  FRONTS=(haproxy caddy)
  everywhere answers_early "${ALL_APPS[@]}"
  everywhere times_out_early impatient-unix
}

# For a persistent connection, Caddy would first read up to 256 KiB.
UNFINISHED='HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhello'

answers_early() {
  run -0 talk send "POST / $UNFINISHED" expect 'Hello.\n'
  contains "$output" "HTTP/1.1 200 OK"
}

times_out_early() {
  run -0 talk send "POST /echoes $UNFINISHED" expect '408 Request Timeout: '
  contains "$output" "HTTP/1.1 408 Request Timeout"
}

@test "a request that exceeds its time limit gets 504 from wsgi-once" {
  everywhere answers_504 impatient-unix
}

answers_504() {
  equal "$(http /hangs:in_sleep)" "504 Gateway Timeout"
}

# ---- clients that disconnect ---------------------------------------------------------------------

@test "when a client disconnects, the iterable is closed, and no process is left" {
  everywhere disconnects "${ALL_APPS[@]}"
}

disconnects() {
  local closed
  closed=$(times_logged closed)
  talk send 'GET /endless HTTP/1.1\r\nHost: a\r\n\r\n' expect xxx reset >/dev/null
  eventually has_logged_more "$closed" closed
  eventually nothing_is_left
  case $1 in
    nginx) disconnects_before_the_app 'Content-Length: 9999999\r\n\r\n' ;;
    *) disconnects_during_upload 'Content-Length: 9999999\r\n\r\n' ;;
  esac
  case $1 in
    nginx | apache2) disconnects_before_the_app 'Transfer-Encoding: chunked\r\n\r\nf4240\r\n' ;;
    *) disconnects_during_upload 'Transfer-Encoding: chunked\r\n\r\nf4240\r\n' ;;
  esac
  equal "$(http /)" "Hello."
}

# The app must not mistake a truncated upload for a complete one.
disconnects_during_upload() { # rest of the head
  local leaving reads errors
  reads=$(times_logged "the app reads")
  errors=$(times_logged "the app got ConnectionResetError")
  [[ -p $FIFOS/left ]] || mkfifo "$FIFOS/left"
  talk send 'POST /reading_fails HTTP/1.1\r\nHost: a\r\n'"$1" send-zeros 300000 \
    meet "$FIFOS/left" reset >/dev/null &
  leaving=$!
  eventually has_logged_more "$reads" "the app reads"
  read_fifo "$FIFOS/left"
  wait "$leaving"
  eventually has_logged_more "$errors" "the app got ConnectionResetError"
  eventually nothing_is_left
}

# An upload that the front server buffers never reaches the app.
disconnects_before_the_app() { # rest of the head
  local reads
  reads=$(times_logged "the app reads")
  talk send 'POST /reading_fails HTTP/1.1\r\nHost: a\r\n'"$1" send-zeros 300000 reset >/dev/null
  equal "$(http /)" "Hello."
  eventually nothing_is_left
  equal "$(times_logged "the app reads")" "$reads"
}

times_logged() { # text
  inside journalctl --output cat --unit "$SERVICE" | grep -cF -- "$1" || :
}

has_logged_more() { # number, text
  (($(times_logged "$2") > $1))
}

# Accept=yes: no instance is left. A server: no request is running.
nothing_is_left() {
  case $UNIT in
    *-each-*) [[ -z $(inside systemctl list-units --no-legend "$SERVICE") ]] ;;
    *) shows StatusText '*, 0 running*' || is "$SERVICE" inactive ;;
  esac
}

# ---- load ----------------------------------------------------------------------------------------

# load_begins CLIENTS [PAUSE]: each client sends one request after another until the load ends, and
# pauses between them for up to PAUSE milliseconds. (For each second of its timeout, wrk allocates
# 8 MB.)
load_begins() {
  echo "function delay() return math.random(0, ${2:-0}) end" >"$BATS_TEST_TMPDIR/pauses.lua"
  nsenter --net --target "$SYSTEMD" wrk --connections "$1" --threads 1 --timeout 60 \
    --script "$BATS_TEST_TMPDIR/pauses.lua" --duration 300 "$ORIGIN/" \
    >"$BATS_TEST_TMPDIR/report" 2>&1 3>&- &
  WRK=$!
}

# There were many requests, and none failed.
load_ends() {
  kill -INT "$WRK" # wrk prints its report
  wait "$WRK"
  cat "$BATS_TEST_TMPDIR/report"
  grep -q '^Requests/sec: *[1-9]' "$BATS_TEST_TMPDIR/report"
  run ! grep -E 'Non-2xx|Socket errors' "$BATS_TEST_TMPDIR/report"
}

@test "no request fails when the server is restarted under load" {
  everywhere restarts_under_load server-unix server-tcp
}

restarts_under_load() {
  local failed=
  load_begins 8
  for _ in 1 2 3 4; do
    eventually shows StatusText 'Serving*: [1-9]* served*' &&
      inside systemctl restart "$SERVICE" || failed=yes
  done
  load_ends
  equal "$failed" ""
}

@test "no request fails when the server exits as soon as it is idle" {
  everywhere ends_under_load brief-unix brief-tcp
}

ends_under_load() {
  local before failed=
  before=$(times_logged "Started ")
  load_begins 2 20
  eventually has_logged_more "$((before + 10))" "Started " || failed=yes
  load_ends
  equal "$failed" ""
}

@test "no request fails when each of many has its own service" {
  everywhere is_under_load each-unix each-tcp
}

is_under_load() {
  equal "$(http "/?[1-40]" --parallel --parallel-max 8 --output /dev/null \
    --write-out '%{http_code}\n' | sort | uniq --count | xargs)" "40 200"
}
