#!/usr/bin/env bats
# ways: all

# The log as text, on standard error: an access record for each request in the combined log format,
# and the request ID. Tests of the log in the journal are in 53-journal.bats.

load helpers

# serve_logging OPTION... APPLICATION
serve_logging() {
  serve --access-log=stderr "$@"
}

# Prints the access records. All other lines begin differently.
records() {
  grep -E ' - - \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}\] "' "$LOG"
}

has_records() {
  (($(records | wc -l) == $1))
}

# recorded TEXT: the next record arrives; after the time, it consists of TEXT.
recorded() {
  RECORDED=$((${RECORDED:-0} + 1))
  eventually has_records "$RECORDED" || return
  equal "$(records | tail -n1 | sed 's/^[^]]*\] //')" "$1"
}

# The client's address in a record. A client on a unix socket has none.
host() {
  case $FAMILY in
    unix) echo - ;;
    tcp) echo 127.0.0.1 ;;
    tcp6) echo ::1 ;;
  esac
}

# ---- the record ----

@test "a record has client, time, request line, status, length, referer and user agent" {
  # The month is in English in any locale, and the time is local.
  local before record time
  printf -v before '%(%s)T'
  TZ=XYZ-5:45 LC_ALL=de_DE.UTF-8 serve_logging hello:app
  http '/path?query' --user-agent "agent (of a test)" --referer "http://a/b?c"
  recorded "\"GET /path?query HTTP/1.1\" 200 7 \"http://a/b?c\" \"agent (of a test)\""
  record=$(records)
  equal "${record%% \[*}" "$(host) - -"
  time=$(sed -E 's/.*\[(.*)\].*/\1/; s|/| |g; s/:/ /' <<<"$record")
  contains "$time" " +0545"
  time=$(date --date "$time" +%s)
  ((time >= before && time <= before + 60))
}

@test "an absent field is \"-\"" {
  serve_logging hello:app
  http / --user-agent ""
  recorded '"GET / HTTP/1.1" 200 7 "-" "-"'
}

@test "a client cannot forge a record" {
  local forged='a" 200 1 "-" "x"'
  serve_logging hello:app
  # shellcheck disable=SC1003 # no attempt to escape a quote
  local path='/"\\x0a' agent=$forged'\\'
  talk send "GET $path HTTP/1.1\r\nHost: a\r\nUser-Agent: $agent\r\nReferer: \t\xe9\r\n\r\n" read
  recorded '"GET /\x22\x5Cx0a HTTP/1.1" 200 7 "\xE9" "a\x22 200 1 \x22-\x22 \x22x\x22\x5C"'
  talk send "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\tb\r\n\r\n" read
  recorded '"GET / HTTP/1.1" 200 7 "-" "a\x09b"'
  # Neither can a request that is refused.
  local answer="400 Bad Request: control character in the head"
  talk send '\x1b[2J" 200 1\x0b\x00 HTTP/1.1\r\n\r\n' read
  recorded '"\x1B[2J\x22 200 1\x0B\x00 HTTP/1.1" 400 '"$((${#answer} + 1))"' "-" "-"'
  equal "$(grep -c . "$LOG")" $((RECORDED + 1)) # one more line: why it was refused
}

@test "long values are truncated, and the record stays one complete line" {
  local long
  printf -v long '%05000d' 0
  serve_logging hello:app
  http "/$long" --user-agent "$long" --referer "$long"
  eventually has_records 1
  run -0 records
  [[ $output =~ \"GET\ /0+\.\.\.\"\ 200\ 7\ \"0+\.\.\.\"\ \"0+\.\.\.\"$ ]]
  ((${#output} < 4096)) # PIPE_BUF: one write(2) is atomic
}

# ---- status and length ----

@test "the status is the application's" {
  serve_logging responds:app
  for status in "201 Created" "404 Not Found" "599 Odd"; do
    http / --header "Start: '$status', []" --user-agent ""
    recorded "\"GET / HTTP/1.1\" ${status%% *} 10 \"-\" \"-\""
  done
}

@test "a request is recorded with 500 when the application raises" {
  serve_logging raises:app
  equal "$(status / --user-agent "")" 500
  recorded '"GET / HTTP/1.1" 500 26 "-" "-"'
}

@test "a request is recorded with 500 when the application cannot be imported" {
  serve_logging no_such_module:app
  equal "$(status / --user-agent "")" 500
  recorded '"GET / HTTP/1.1" 500 26 "-" "-"'
}

@test "the length is the content's, in any framing" {
  serve_logging yields:app
  http / --user-agent ""
  recorded '"GET / HTTP/1.1" 200 9 "-" "-"' # chunked
  http / --user-agent "" --http1.0
  recorded '"GET / HTTP/1.0" 200 9 "-" "-"' # to the end of the connection
  echo "from a file" >"$FIFOS/file"
  serve_logging sends_file:app
  http / --user-agent "" --header "File: open(f'{FILES}/file', 'rb')"
  recorded '"GET / HTTP/1.1" 200 12 "-" "-"'
}

@test "the length of an answer without content is \"-\"" {
  serve_logging hello:app
  http / --head --user-agent ""
  recorded '"HEAD / HTTP/1.1" 200 - "-" "-"'
  serve_logging no_content:no_content
  http / --user-agent ""
  recorded '"GET / HTTP/1.1" 204 - "-" "-"'
  serve_logging no_content:not_modified
  http / --user-agent ""
  recorded '"GET / HTTP/1.1" 304 - "-" "-"'
}

@test "\"100 Continue\" does not change the record" {
  serve_logging reads:app
  equal "$(http / --user-agent "" --header "Expect: 100-continue" --data abc \
    --header "Do: len(input.read())")" 3
  recorded '"POST / HTTP/1.1" 200 1 "-" "-"'
}

# ---- refused requests ----

@test "requests that the server refuses are recorded" {
  serve_logging --mount=/app --max-content=4 --max-request-line=40 --max-field-section=60 hello:app
  for row in "404|GET / HTTP/1.1|Host: a\r\n" "400|GET /app HTTP/1.1|" \
    "400|GET /app|" "413|POST /app HTTP/1.1|Host: a\r\nContent-Length: 5\r\n" \
    "431|GET /app HTTP/1.1|Host: a\r\nX: $(printf '%080d' 0)\r\n" \
    "501|BREW /app HTTP/1.1|Host: a\r\nTransfer-Encoding: gzip, chunked\r\n" \
    "505|GET /app HTTP/2.0|Host: a\r\n" "417|GET /app HTTP/1.1|Host: a\r\nExpect: tea\r\n" \
    "501|CONNECT a:80 HTTP/1.1|Host: a:80\r\n" "200|OPTIONS * HTTP/1.1|Host: a\r\n"; do
    IFS='|' read -r code line fields <<<"$row"
    run talk send "$line\r\n$fields\r\n" end read
    contains "$output" "HTTP/1.1 $code "
    # The content follows the empty line.
    local content=${output#*$'\r\n\r\n'}
    recorded "\"$line\" $code $((${#content} + 1)) \"-\" \"-\""
  done
}

@test "a request line that is too long is recorded as far as it was received" {
  serve_logging --max-request-line=40 hello:app
  talk send "GET /$(printf '%050d' 0)" read
  eventually has_records 1
  [[ $(records) == *"\"GET /0000"*"\" 414 "* ]]
}

@test "a head that times out is recorded with 408" {
  serve_logging --head-timeout=200ms hello:app
  local answer="408 Request Timeout: the request head did not arrive in time"
  talk send 'GET / HTTP/1.1\r\nHost: a\r\n' read
  recorded "\"GET / HTTP/1.1\" 408 $((${#answer} + 1)) \"-\" \"-\""
}

@test "a refused HEAD request has no content" {
  serve_logging --mount=/app hello:app
  talk send 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n' read
  recorded '"HEAD / HTTP/1.1" 404 - "-" "-"'
}

@test "the client has its answer before the message is logged" {
  local full=$BATS_TEST_TMPDIR/full
  mkfifo "$full"
  exec 4<>"$full" # serve closes 4 in the program
  dd if=/dev/zero of="$full" bs=4096 oflag=nonblock status=none 2>/dev/null || :
  LOG=$full serve hello:app
  run status /%zz
  exec 4>&- # unblocks the writer
  equal "$output" 400
}

# ---- clients that disconnect ----

@test "a connection without a request line is not recorded" {
  serve_logging hello:app
  talk end read
  talk send 'GET / HT' reset
  http / --user-agent "the end"
  recorded '"GET / HTTP/1.1" 200 7 "-" "the end"'
}

@test "a client that disconnects before its head is complete is recorded with 499" {
  serve_logging hello:app
  talk send 'GET /left HTTP/1.1\r\nHost: a\r\n' reset
  recorded '"GET /left HTTP/1.1" 499 - "-" "-"'
}

@test "a client that disconnects before its answer is recorded with 499" {
  mkfifo "$FIFOS/left" "$FIFOS/leave"
  serve_logging waits:app
  talk send 'GET /left HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\n\r\n' meet "$FIFOS/leave" reset &
  eventually grep -sqx "begin left" "$FIFOS/notes"
  read_fifo "$FIFOS/leave"
  wait $!
  write_fifo "$FIFOS/left"
  recorded '"GET /left HTTP/1.1" 499 - "-" "b"'
}

@test "a client that disconnects during its answer is recorded with status and bytes sent" {
  serve_logging misbehaves:app
  talk send 'GET /sends_forever HTTP/1.1\r\nHost: a\r\n\r\n' expect 'chunked' reset
  eventually has_records 1
  [[ $(records) =~ \ 200\ [0-9]+\ \"-\"\ \"-\"$ ]]
}

# ---- where records go ----

@test "--access-log=none records nothing" {
  serve --access-log=none hello:app
  http /
  equal "$(status /x --request PURGE --header 'Host: a b')" 400
  equal "$(exit_status)$(exit_status)" 00
  run -1 records
}

@test "--access-log=journal writes to standard error where there is no journal" {
  serve --access-log=journal hello:app
  http / --user-agent ""
  recorded '"GET / HTTP/1.1" 200 7 "-" "-"'
  # Standard error is not the journal's stream.
  JOURNAL_STREAM=1:1 serve --access-log=journal hello:app
  http / --user-agent ""
  recorded '"GET / HTTP/1.1" 200 7 "-" "-"'
}

@test "--access-log=stderr ignores an invalid JOURNAL_STREAM" {
  for stream in "" 5 x:y 18446744073709551616:1; do
    JOURNAL_STREAM=$stream serve_logging hello:app
    http / --user-agent ""
    recorded '"GET / HTTP/1.1" 200 7 "-" "-"'
  done
}

@test "messages begin with the program's name" {
  serve_logging raises:app
  http / >"$BATS_TEST_TMPDIR/answer"
  logged "wsgi-once: GET /: the application raised an exception"
}

@test "a warm-up request is not recorded" {
  serve_logging --warm-up=/warm hello:app
  http / --user-agent ""
  recorded '"GET / HTTP/1.1" 200 7 "-" "-"'
}

# ---- requests that time out ----

@test "after --request-timeout the server records the request, otherwise a message names it" {
  serve_logging --request-timeout=300ms hangs:in_sleep
  equal "$(status /hang)" 504
  logged "GET /hang: timed out (--request-timeout)"
  if [[ $WAY == server ]]; then
    recorded '"GET /hang" 504 - "-" "-"'
    contains "$(records)" "$(host) - - ["
  else
    equal "$(exit_status)" 75
    run -1 records
  fi
}

@test "after --request-timeout in the head the server records 408 and what it knows" {
  serve_logging --request-timeout=300ms --head-timeout=0 hello:app
  run talk send 'GET / HTTP/1.1\r\nHost' read
  contains "$output" "HTTP/1.1 408 "
  if [[ $WAY == server ]]; then
    recorded '"-" 408 - "-" "-"'
  else
    equal "$(exit_status)" 75
    run -1 records
  fi
}

# ---- the request ID ----

TRACE=4bf92f3577b34da6a3ce929d0e0e4736

# id [CURL-ARGUMENT]...: prints the ID that the app sees, as repr() shows it.
id() {
  get_environ HTTP_X_REQUEST_ID / "$@"
}

@test "a request gets a new ID of 128 random bits" {
  serve environ:app
  local first second
  first=$(id)
  second=$(id)
  [[ $first =~ ^\'[0-9a-f]{32}\'$ && $second =~ ^\'[0-9a-f]{32}\'$ ]]
  [[ $first != "$second" ]]
}

@test "an ID from an untrusted client is replaced" {
  local option
  for option in --spare=2 --trusted-proxy=192.0.2.1 --trusted-proxy=2001:db8::/32; do
    serve "$option" environ:app
    [[ $(id --header "X-Request-ID: mine") =~ ^\'[0-9a-f]{32}\'$ ]]
    [[ $(id --header "traceparent: 00-$TRACE-00f067aa0ba902b7-01") =~ ^\'[0-9a-f]{32}\'$ ]]
    [[ $(id --header "traceparent: 00-$TRACE-00f067aa0ba902b7-01") != "'$TRACE'" ]]
  done
}

@test "an ID from a trusted proxy is kept" {
  # The option can be repeated.
  serve --trusted-proxy="$(peer)" --trusted-proxy=192.0.2.1 environ:app
  equal "$(id --header "X-Request-ID: the/Proxy's" | grep -cx "'[0-9a-f]*'")" 1
  equal "$(id --header "X-Request-ID: aZ09._~+/=:@-")" "'aZ09._~+/=:@-'"
  equal "$(id --header "traceparent: 00-$TRACE-00f067aa0ba902b7-01")" "'$TRACE'"
}

@test "only the field X-Request-ID itself sets the ID" {
  serve environ:app
  [[ $(id --header "X_Request_ID: mine") =~ ^\'[0-9a-f]{32}\'$ ]]
}
