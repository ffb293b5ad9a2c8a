#!/usr/bin/env bats
# ways: both
# lasts: 30 s
#
# Strict parsing keeps a proxy and this server from disagreeing about where a request ends or whom
# it is for. The tables in tests/unit cover every variant; these tests check the rules from the
# client's side.

load helpers

# refused STATUS REQUEST: the server sends one answer with this status and does not call the app.
refused() {
  run -0 talk send "$2" read
  equal "${output%% [A-Z]*}" "HTTP/1.1 $1"
  equal "$(grep -c '^HTTP/' <<<"$output")" 1
  equal "$(exit_status)" 0
  not_logged "reached:"
}

# passed REQUEST: the app receives the request, and its answer is the only one.
passed() {
  run -0 talk send "$1" read
  equal "${output%%$'\r\n'*}" "HTTP/1.1 200 OK"
  equal "$(grep -c '^HTTP/' <<<"$output")" 1
  equal "$(exit_status)" 0
  logged "reached:"
}

@test "a valid request reaches the app with its content" {
  serve traces:app
  passed 'POST /path HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
  logged "reached: POST /path"
  logged "content: b'hello'"
}

@test "Content-Length together with Transfer-Encoding is refused" {
  serve traces:app
  local length='Content-Length: 5\r\n' coding='Transfer-Encoding: chunked\r\n'
  refused 400 "POST / HTTP/1.1\r\nHost: a\r\n$length$coding\r\n0\r\n\r\n"
  refused 400 "POST / HTTP/1.1\r\nHost: a\r\n$coding$length\r\n0\r\n\r\n"
}

@test "a repeated Content-Length is refused" {
  serve traces:app
  refused 400 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'
  refused 400 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello'
  refused 400 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello'
}

@test "a repeated Content-Type or Authorization is refused" {
  serve traces:app
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Type: a/c\r\n\r\n'
  logged "answered 400: more than one Content-Type"
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a b\r\nAuthorization: a b\r\n\r\n'
  logged "answered 400: more than one Authorization"
}

@test "a malformed Content-Length is refused" {
  serve traces:app
  for length in +5 0x5 ''; do
    refused 400 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: $length\r\n\r\nhello"
  done
}

@test "a Transfer-Encoding that does not end with a single chunked is refused" {
  serve traces:app
  for coding in gzip 'chunked, chunked' xchunked ''; do
    refused 400 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: $coding\r\n\r\n0\r\n\r\n"
  done
  refused 400 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
}

@test "an unknown transfer coding is answered 501" {
  serve traces:app
  refused 501 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'
}

@test "bad chunk framing is refused before the app reads the content" {
  serve traces:app
  for content in '0x5\r\nhello\r\n0\r\n\r\n' '5\nhello\r\n0\r\n\r\n' '5\r\nhello!\r\n' \
    '5\r\nhello\r\n0\r\nbad trailer\r\n\r\n'; do
    run -0 talk send "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n$content" read
    contains "$output" "HTTP/1.1 400 "
    equal "$(exit_status)" 0
  done
  not_logged "content:"
}

@test "bare CR, bare LF and NUL are refused" {
  serve traces:app
  refused 400 'GET / HTTP/1.1\nHost: a\r\n\r\n'
  refused 400 'GET / HTTP/1.1\r\nHost: a\n\r\n'
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\n\n'
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n'
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'
}

@test "a folded field line is refused" {
  serve traces:app
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n'
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n'
  refused 400 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'
}

@test "white space before the colon of a field is refused" {
  serve traces:app
  refused 400 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello'
  refused 400 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\nhello'
}

@test "a bad field name is refused" {
  serve traces:app
  for name in '' '(a)' '\xc3\xa9'; do
    refused 400 "GET / HTTP/1.1\r\nHost: a\r\n$name: c\r\n\r\n"
  done
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n'
}

@test "HTTP/1.1 requires one valid Host" {
  serve traces:app
  refused 400 'GET / HTTP/1.1\r\n\r\n'
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
  refused 400 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'
  for host in 'a b' user@a a:b; do
    refused 400 "GET / HTTP/1.1\r\nHost: $host\r\n\r\n"
  done
  passed 'GET / HTTP/1.1\r\nHost: \r\n\r\n'
}

@test "a bad Host is refused in HTTP/1.0 too" {
  serve traces:app
  refused 400 'GET / HTTP/1.0\r\nHost: a b\r\n\r\n'
  refused 400 'GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n'
}

@test "HTTP/1.0 does not require Host" {
  serve traces:app
  passed 'GET /old HTTP/1.0\r\n\r\n'
  logged "reached: GET /old"
}

@test "a bad request line is refused" {
  serve traces:app
  for line in 'GET /' 'GET  / HTTP/1.1' 'GET\t/ HTTP/1.1' 'G(T / HTTP/1.1' 'GET / http/1.1' \
    'GET / HTTP/1.10' 'GET path HTTP/1.1' 'GET /%0g HTTP/1.1' 'GET /\xe9 HTTP/1.1'; do
    refused 400 "$line\r\nHost: a\r\n\r\n"
  done
}

@test "another major version is answered 505" {
  serve traces:app
  refused 505 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'
  refused 505 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  refused 505 'GET / HTTP/0.9\r\n\r\n'
}

@test "a higher minor version is served as HTTP/1.1" {
  serve traces:app
  passed 'GET / HTTP/1.9\r\nHost: a\r\n\r\n'
}

@test "origin-form: the target consists of path and query" {
  serve environ:app
  equal "$(get_environ PATH_INFO '/a/b?c=/d?e')" "'/a/b'"
  equal "$(get_environ QUERY_STRING '/a/b?c=/d?e')" "'c=/d?e'"
}

@test "absolute-form: the host of the target overrides Host" {
  serve environ:app
  run -0 http / --request-target 'http://example.org:8080/a/b?c=d' --header 'Host: other'
  contains "$output" "HTTP_HOST='example.org:8080'"
  contains "$output" "PATH_INFO='/a/b'"
  contains "$output" "QUERY_STRING='c=d'"
  [[ $output != *other* ]]
  equal "$(get_environ PATH_INFO / --request-target http://example.org)" "'/'"
}

@test "absolute-form: an https target on an insecure connection is answered 421" {
  serve traces:app
  refused 421 'GET https://q.example/x HTTP/1.1\r\nHost: q.example\r\n\r\n'
  logged "GET https://q.example/x: answered 421: https target"
  refused 421 'OPTIONS https://q.example HTTP/1.1\r\nHost: q.example\r\n\r\n'
  passed 'GET http://q.example/x HTTP/1.1\r\nHost: q.example\r\n\r\n'
}

@test "authority-form: CONNECT is refused" {
  serve traces:app
  refused 501 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'
  refused 400 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n'
  refused 400 'GET example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n'
}

@test "asterisk-form: the server answers OPTIONS itself" {
  serve traces:app
  refused 200 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'
  refused 400 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'
  passed 'OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n'
}

@test "a pipelined second request is never executed" {
  serve traces:app
  passed 'GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n'
  passed 'POST /third HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'\
'GET /second HTTP/1.1\r\nHost: a\r\n\r\n'
  logged "reached: GET /first"
  logged "content: b'hello'"
  not_logged "second"
}

@test "an empty line before the request is skipped" {
  serve traces:app
  passed '\r\nGET /path HTTP/1.1\r\nHost: a\r\n\r\n'
  logged "reached: GET /path"
}

@test "a request that arrives byte by byte is served as one request" {
  serve traces:app
  local steps=() request='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  while [[ $request ]]; do
    [[ $request == \\* ]] && steps+=(send "${request:0:2}") || steps+=(send "${request:0:1}")
    request=${request#"${steps[-1]}"}
  done
  run -0 talk "${steps[@]}" read
  contains "$output" "HTTP/1.1 200 OK"
}

@test "a TLS handshake is refused at once" {
  # Without waiting for a timeout or for the end of the line, which this client never sends.
  serve --head-timeout=0 --request-timeout=0 traces:app
  refused 400 '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'
}

@test "the log names a refused request and the reason" {
  serve traces:app
  refused 400 'GET /path HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
  contains "$(grep -F "GET /path" "$LOG")" Host
}
