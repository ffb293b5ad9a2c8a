#!/usr/bin/env bats
# ways: all
#
# --proxy-protocol: the PROXY protocol names the client. Malformed headers are in
# unit/test_proxy_protocol.c, and tests with a real proxy in 68-haproxy.bats.

load helpers

NEVER=(--head-timeout=0 --read-timeout=0 --write-timeout=0 --request-timeout=0)
GET='GET /path HTTP/1.1\r\nHost: www.example.org\r\n\r\n'
OLD_GET='GET / HTTP/1.0\r\n\r\n'
V1='PROXY TCP4 192.0.2.1 198.51.100.2 56324 8443\r\n'

SIGNATURE='\r\n\r\n\0\r\nQUIT\n'
# 192.0.2.1:56324 to 198.51.100.2:8443
ENDS='\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x20\xfb'
V2=$SIGNATURE'\x21\x11\x00\x0c'$ENDS
V2_TLS=$SIGNATURE'\x21\x11\x00\x1e'$ENDS'\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.3'
LOCAL=$SIGNATURE'\x20\x00\x00\x00'

# behind_proxy OPTION... APPLICATION: serves with the peer as a trusted proxy.
behind_proxy() {
  serve --proxy-protocol --trusted-proxy="$(peer)" "$@"
}

# The request has a new ID, and not the one that was sent.
shows_new_id() {
  [[ $(environ_value HTTP_X_REQUEST_ID) =~ ^\'[0-9a-f]{32}\'$ ]]
}

# The environ has the addresses of the connection itself. A unix socket has none.
shows_own_ends() {
  case $FAMILY in
    unix) environ_has REMOTE_ADDR= REMOTE_PORT= SERVER_NAME=www.example.org SERVER_PORT=80 ;;
    tcp) environ_has REMOTE_ADDR=127.0.0.1 SERVER_NAME=127.0.0.1 SERVER_PORT="$ADDRESS" ;;
    tcp6) environ_has REMOTE_ADDR=::1 "SERVER_NAME=[::1]" SERVER_PORT="${ADDRESS##*:}" ;;
  esac
}

# refuses PROBLEM STEP...: the connection is aborted without an answer, and the log names the
# problem and the peer.
refuses() {
  local peer
  case $FAMILY in
    unix) peer="a unix socket" ;;
    tcp) peer=127.0.0.1 ;;
    tcp6) peer=::1 ;;
  esac
  : >"$LOG"
  run talk "${@:2}" read
  equal "$output" "" || return
  [[ $status == [03] ]] || equal "$status" "0 or 3"
  equal "$(exit_status)" 0 || return
  equal "$(cat "$LOG")" \
    "wsgi-once: aborted a connection from $peer: PROXY protocol header: $1"
}

# ---- addresses ----

@test "in both versions, the source is the client and the destination is the server" {
  local header
  behind_proxy environ:app
  for header in "$V1" "$V2"; do
    run -0 talk send "$header$GET" read
    contains "$output" "HTTP/1.1 200 "
    environ_has REMOTE_ADDR=192.0.2.1 REMOTE_PORT=56324 SERVER_NAME=198.51.100.2 SERVER_PORT=8443 \
      HTTP_HOST=www.example.org PATH_INFO=/path wsgi.url_scheme=http
    equal "$(environ_value HTTPS)" ""
    equal "$(exit_status)" 0
  done
  equal "$(cat "$LOG")" ""
}

@test "both versions support IPv6, and a mapped address becomes IPv4" {
  local plain='\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01'
  local mapped='\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07' header
  behind_proxy environ:app
  for header in 'PROXY TCP6 ::FFFF:192.0.2.7 2001:0DB8::0001 4711 443\r\n' \
    "$SIGNATURE"'\x21\x21\x00\x24'"$mapped$plain"'\x12\x67\x01\xbb'; do
    run -0 talk send "$header$GET" read
    environ_has REMOTE_ADDR=192.0.2.7 REMOTE_PORT=4711 "SERVER_NAME=[2001:db8::1]" SERVER_PORT=443
  done
}

@test "LOCAL and UNKNOWN headers leave the addresses of the connection" {
  local header
  behind_proxy environ:app
  for header in "$LOCAL" 'PROXY UNKNOWN\r\n' 'PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n' \
    "$SIGNATURE"'\x20\x11\x00\x0c'"$ENDS" "$SIGNATURE"'\x21\x00\x00\x00'; do
    run -0 talk send "$header$GET" read
    contains "$output" "HTTP/1.1 200 "
    shows_own_ends
  done
}

@test "fields of an unknown client are not trusted, those of the proxy itself are" {
  local header request
  request='GET / HTTP/1.0\r\nX-Request-ID: mine\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n'
  behind_proxy --trusted-field=X-Forwarded-For environ:app
  # HAProxy sends these for clients of its unix sockets
  for header in 'PROXY UNKNOWN\r\n' "$SIGNATURE"'\x21\x00\x00\x00'; do
    run -0 talk send "$header$request" read
    [[ $output != *192.0.2.9* ]]
    shows_new_id
  done
  run -0 talk send "$LOCAL$request" read
  environ_has REMOTE_ADDR=192.0.2.9 HTTP_X_REQUEST_ID=mine
}

@test "a client on a unix socket of the proxy has no address" {
  local names
  names=$(printf '\\x00%.0s' {1..216})
  behind_proxy --access-log=stderr --trusted-proxy=unix environ:app
  run -0 talk send "$SIGNATURE"'\x21\x31\x00\xd8'"$names"'GET / HTTP/1.1\r\nHost: a:81\r\n'\
'X-Request-ID: mine\r\n\r\n' read
  environ_has REMOTE_ADDR= REMOTE_PORT= SERVER_NAME=a SERVER_PORT=81
  # nor is it trusted, although unix sockets of this machine are
  shows_new_id
  logged '- - - ['
}

@test "the scheme is https when the client uses TLS to the proxy" {
  behind_proxy environ:app
  run -0 talk send "${V2_TLS}GET https://a/ HTTP/1.0\r\n\r\n" read
  contains "$output" "HTTP/1.1 200 "
  run -0 talk send "${V2}GET https://a/ HTTP/1.0\r\n\r\n" read
  contains "$output" "HTTP/1.1 421 Misdirected Request"
  run -0 talk send "$V2_TLS$GET" read
  environ_has wsgi.url_scheme=https HTTPS=on SERVER_PORT=8443 REMOTE_ADDR=192.0.2.1
  # the scheme of an absolute target is the URL's: RFC 9112 §3.3
  run -0 talk send "${V2_TLS}GET https://a/ HTTP/1.0\r\n\r\n" read
  environ_has wsgi.url_scheme=https HTTPS=on SERVER_PORT=8443
  run -0 talk send "${V2_TLS}GET http://a/ HTTP/1.0\r\n\r\n" read
  environ_has wsgi.url_scheme=http SERVER_PORT=80
  equal "$(environ_value HTTPS)" ""
}

@test "a field from a trusted client overrides the PROXY protocol" {
  behind_proxy --trusted-proxy=192.0.2.1 --trusted-field=X-Forwarded-Proto environ:app
  run -0 talk send "${V2_TLS}GET / HTTP/1.0\r\nX-Forwarded-Proto: http\r\n\r\n" read
  environ_has wsgi.url_scheme=http
  equal "$(environ_value HTTPS)" ""
}

@test "request ID and fields are trusted if the source is trusted, not the proxy" {
  local fields='X-Request-ID: mine\r\nX-Forwarded-For: 203.0.113.9\r\n'
  behind_proxy --trusted-field=X-Forwarded-For environ:app
  run -0 talk send "${V1}GET / HTTP/1.0\r\n$fields\r\n" read
  environ_has REMOTE_ADDR=192.0.2.1
  shows_new_id
  # the source is another trusted front server
  behind_proxy --trusted-proxy=192.0.2.0/24 --trusted-field=X-Forwarded-For environ:app
  run -0 talk send "${V1}GET / HTTP/1.0\r\n$fields\r\n" read
  environ_has REMOTE_ADDR=203.0.113.9 HTTP_X_REQUEST_ID=mine
}

@test "the access log has the source, for refused requests, too" {
  behind_proxy --access-log=stderr hello:app
  run -0 talk send "$V1$GET" read
  logged '192.0.2.1 - - ['
  contains "$(cat "$LOG")" '] "GET /path HTTP/1.1" 200 7 '
  : >"$LOG"
  run -0 talk send "${V2}GET /  HTTP/1.1\r\n\r\n" read
  contains "$output" "HTTP/1.1 400 "
  logged '192.0.2.1 - - ['
  contains "$(grep -F '192.0.2.1' "$LOG")" '] "GET /  HTTP/1.1" 400 '
}

# ---- how headers arrive ----

@test "a header may arrive byte by byte" {
  local header steps byte
  behind_proxy environ:app
  for header in "$V1" "$V2"; do
    steps=()
    while IFS= read -r byte; do
      steps+=(send "$byte")
    done < <(grep -oE '\\x..|\\.|.' <<<"$header${OLD_GET}")
    run -0 talk "${steps[@]}" read
    contains "$output" "HTTP/1.1 200 "
    environ_has REMOTE_ADDR=192.0.2.1
  done
}

@test "request and content are complete wherever the pieces end" {
  local post='POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
  behind_proxy echoes:app
  run -0 talk send "$V1$post" read
  contains "$output" hello
  run -0 talk send "$V2"'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n' \
    send '\r\nhel' send lo read
  contains "$output" hello
  run -0 talk send "$V2" send "$post" read
  contains "$output" hello
}

@test "a long header does not count against the limits of the request" {
  # 4096 bytes: 16 and 12, and a TLV of 4068
  local tlv header line
  tlv='\x04\x0f\xe1'$(printf '%04065d' 0)
  header=$SIGNATURE'\x21\x11\x0f\xf0'$ENDS$tlv
  line="GET /$(printf '%0110d' 0) HTTP/1.0"
  behind_proxy --max-request-line="${#line}" --max-field-section=32 environ:app
  run -0 talk send "$header$line\r\n\r\n" read
  contains "$output" "HTTP/1.1 200 "
  environ_has REMOTE_ADDR=192.0.2.1
  run -0 talk send "$header${line/GET/HEAD}\r\n\r\n" read
  contains "$output" "HTTP/1.1 414 "
}

# ---- headers that are refused ----

@test "a missing or malformed header is refused" {
  behind_proxy hello:app
  refuses "missing signature" send "$GET"
  refuses "invalid address for its family" \
    send "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n$GET"
  refuses "invalid port" send "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n$GET"
  refuses "datagrams are not supported" send "$SIGNATURE"'\x21\x12\x00\x0c'"$ENDS$GET"
  refuses "longer than 4096 bytes" send "$SIGNATURE"'\x21\x11\x0f\xf1'
  refuses "line is longer than 107 bytes" send "PROXY TCP4 $(printf '%0107d' 0)"
}

@test "a truncated header is refused" {
  behind_proxy hello:app
  refuses "truncated" send P end
  refuses "truncated" send "${V1%n}" end
  refuses "truncated" send "$SIGNATURE" end
  refuses "truncated" send "${V2%\\xfb}" end
}

@test "the connection is aborted with a reset" {
  behind_proxy hello:app
  run -3 talk send "$GET" read
}

@test "a client that sends nothing, or only a header, is not logged" {
  behind_proxy --access-log=stderr hello:app
  run -0 talk end read
  equal "$output" ""
  equal "$(exit_status)" 0
  run -0 talk send "$LOCAL" end read
  equal "$output" ""
  equal "$(exit_status)" 0
  run -0 talk send "$V1" end read
  equal "$output" ""
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}

@test "a client that has already disconnected is not logged" {
  # The address is not known any more: getpeername(2) fails after a reset.
  local header
  behind_proxy --access-log=stderr hello:app
  for header in "$LOCAL" "$V1" "$V2$GET"; do
    run -0 talk send "$header" reset
    equal "$(exit_status)" 0
  done
  not_logged aborted
  not_logged 400
}

@test "--head-timeout limits header and head together" {
  behind_proxy "${NEVER[@]}" --head-timeout=200ms hello:app
  refuses "timed out (--head-timeout)" send PROXY
  refuses "timed out (--head-timeout)" send "$SIGNATURE"'\x21\x11'
  : >"$LOG"
  run -0 talk read
  equal "$output" ""
  run -0 talk send "$V1" read
  equal "$output" ""
  not_logged aborted
  run -0 talk send "${V1}GET / HTTP/1.1\r\n" read
  contains "$output" "HTTP/1.1 408 "
}

@test "a header from an untrusted peer is a malformed request" {
  local header
  serve --proxy-protocol --trusted-proxy=203.0.113.1 --trusted-proxy=2001:db8::/32 environ:app
  run -0 talk send "$GET" read
  contains "$output" "HTTP/1.1 200 "
  shows_own_ends
  for header in "$V1" "$V2"; do
    run -0 talk send "$header$GET" read
    contains "$output" "HTTP/1.1 400 "
  done
}

@test "without --proxy-protocol a header is neither required nor trusted" {
  local header
  serve --trusted-proxy="$(peer)" environ:app
  run -0 talk send "$GET" read
  shows_own_ends
  for header in "$V1" "$V2"; do
    run -0 talk send "$header$GET" read
    contains "$output" "HTTP/1.1 400 "
  done
}

@test "a warm-up request needs no header" {
  behind_proxy --warm-up=/ environ:app
  run -0 talk send "$V1$GET" read
  environ_has REMOTE_ADDR=192.0.2.1
  not_logged "warm-up"
  not_logged "aborted"
}
