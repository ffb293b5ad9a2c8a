#!/usr/bin/env bats
# ways: all
#
# The client's address and the requested URL as reported by a front server: --trusted-proxy and
# --trusted-field.

load helpers

# trust FIELD... [-- OPTION...]: serves an app that shows its environ, with the test's own peer as
# the trusted proxy for these fields.
trust() {
  local options=(--trusted-proxy="$(peer)")
  while (($# > 0)) && [[ $1 != -- ]]; do
    options+=(--trusted-field="$1")
    shift
  done
  serve "${options[@]}" "${@:2}" environ:app
}

# request_with FIELD...: sends a request with these fields and keeps the answer.
request_with() {
  local field arguments=()
  for field; do
    arguments+=(--header "$field")
  done
  run -0 http /path "${arguments[@]}"
}

x_forwarded=(X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Port X-Forwarded-Prefix)

@test "all X-Forwarded fields of a trusted proxy are used" {
  trust "${x_forwarded[@]}" -- --mount=/path
  request_with "X-Forwarded-For: 192.0.2.1:4711" "X-Forwarded-Proto: https" \
    "X-Forwarded-Host: www.example.org" "X-Forwarded-Port: 8443" "X-Forwarded-Prefix: /apps%20/"
  environ_has REMOTE_ADDR=192.0.2.1 REMOTE_PORT=4711 wsgi.url_scheme=https HTTPS=on \
    HTTP_HOST=www.example.org:8443 SERVER_NAME=www.example.org SERVER_PORT=8443 \
    "SCRIPT_NAME=/apps /path" PATH_INFO= REQUEST_URI=/path
}

@test "Forwarded of a trusted proxy is used" {
  trust Forwarded
  request_with "Forwarded: for=\"[2001:db8::1]:4711\";proto=https;host=\"www.example.org:8443\""
  environ_has REMOTE_ADDR=2001:db8::1 REMOTE_PORT=4711 wsgi.url_scheme=https HTTPS=on \
    HTTP_HOST=www.example.org:8443 SERVER_NAME=www.example.org SERVER_PORT=8443 SCRIPT_NAME=
}

@test "fields of an untrusted peer are ignored and hidden from the app" {
  local proxy
  for proxy in 192.0.2.1 2001:db8::/32 unix:4711; do
    serve --trusted-proxy="$proxy" --trusted-field=X-Forwarded-For \
      --trusted-field=X-Forwarded-Proto environ:app
    request_with "Host: own.example" "X-Forwarded-For: 192.0.2.66" "X-Forwarded-Proto: https" \
      "X-Forwarded-Host: evil" "Forwarded: for=192.0.2.66" "X-Forwarded-Prefix: malformed" \
      "x-forwarded-port: 666" "X-Forwarded-Other: stays"
    environ_has wsgi.url_scheme=http HTTP_HOST=own.example SCRIPT_NAME= HTTP_X_FORWARDED_OTHER=stays
    [[ $output != *192.0.2.66* && $output != *evil* && $output != *"'666'"* ]]
    [[ $(grep -c "^HTTPS=\|^HTTP_X_FORWARDED_PREFIX=" <<<"$output") == 0 ]]
  done
}

@test "untrusted fields of a trusted proxy do not reach the app" {
  trust X-Forwarded-Proto
  request_with "Host: own.example" "X-Forwarded-Proto: HTTPS" "X-Forwarded-For: 192.0.2.66" \
    "X-Forwarded-Host: evil" "Forwarded: for=192.0.2.66;host=evil"
  environ_has wsgi.url_scheme=https HTTP_X_FORWARDED_PROTO=HTTPS HTTP_HOST=own.example \
    SERVER_PORT=443
  [[ $output != *192.0.2.66* && $output != *evil* ]]
}

@test "without --trusted-field, all fields are ignored and reach the app" {
  serve --trusted-proxy="$(peer)" environ:app
  request_with "Host: own.example" "X-Forwarded-For: 192.0.2.66" "X-Forwarded-Proto: https"
  environ_has wsgi.url_scheme=http HTTP_X_FORWARDED_FOR=192.0.2.66 HTTP_X_FORWARDED_PROTO=https
  [[ $(environ_value REMOTE_ADDR) != *192.0.2.66* ]]
}

@test "the client is the last address that is no trusted proxy" {
  serve --trusted-proxy="$(peer)" --trusted-proxy=10.0.0.0/8 --trusted-field=X-Forwarded-For \
    environ:app
  request_with "X-Forwarded-For: invented, 192.0.2.9" \
    "X-Forwarded-For: 192.0.2.1, 10.1.2.3,10.0.0.1"
  environ_has REMOTE_ADDR=192.0.2.1 REMOTE_PORT=
  request_with "X-Forwarded-For: 10.1.2.3, 10.0.0.1"
  environ_has REMOTE_ADDR=10.1.2.3
  request_with "X-Forwarded-For: 192.0.2.1, unknown"
  environ_has REMOTE_ADDR= REMOTE_PORT=
}

@test "an invalid field of a trusted proxy is answered 400" {
  local field
  trust "${x_forwarded[@]}"
  for field in "X-Forwarded-For: 192.0.2.1, example.org" "X-Forwarded-Proto: ftp" \
    "X-Forwarded-Host: a/b" "X-Forwarded-Port: 65536" "X-Forwarded-Prefix: /a%0d%0ab" \
    "X-Forwarded-Prefix: /a/%2e%2e/b" "X-Forwarded-Prefix: //evil.example"; do
    equal "$(status / --header "$field")" 400
    equal "$(exit_status)" 0
    logged "answered 400: ${field%%:*} from a trusted proxy is "
  done
  contains "$(http / --header "$field")" "X-Forwarded-Prefix from a trusted proxy is malformed"
  trust Forwarded
  for field in "for=192.0.2.1;proto=ftp" "for=\"192.0.2.1, for=192.0.2.2" \
    "for=192.0.2.1;for=::1"; do
    equal "$(status / --header "Forwarded: $field")" 400
  done
  logged "answered 400: Forwarded from a trusted proxy is malformed"
}

@test "an https target from a trusted proxy is accepted unless the proxy reports http" {
  local target=(--request-target https://www.example.org/x)
  trust X-Forwarded-Proto
  equal "$(status / "${target[@]}" --header "X-Forwarded-Proto: https")" 200
  equal "$(status / "${target[@]}")" 200
  equal "$(status / "${target[@]}" --header "X-Forwarded-Proto: http")" 421
  serve --trusted-proxy=192.0.2.1 --trusted-field=X-Forwarded-Proto environ:app
  equal "$(status / "${target[@]}" --header "X-Forwarded-Proto: https")" 421
}

@test "an accepted https target sets the scheme to https" {
  trust X-Forwarded-For
  run -0 http /path --request-target https://www.example.org/x
  environ_has wsgi.url_scheme=https HTTPS=on HTTP_HOST=www.example.org SERVER_PORT=443
  run -0 http /path --request-target HTTPS://www.example.org:8443/x
  environ_has wsgi.url_scheme=https HTTPS=on HTTP_HOST=www.example.org:8443 SERVER_PORT=8443
  run -0 http /path --request-target http://www.example.org/x
  environ_has wsgi.url_scheme=http
  equal "$(environ_value HTTPS)" ""
  trust X-Forwarded-Proto # the field overrides the scheme, as for any other target
  run -0 http /path --request-target http://www.example.org/x --header "X-Forwarded-Proto: https"
  environ_has wsgi.url_scheme=https SERVER_PORT=443
}

@test "content after a refused head does not prevent the answer from reaching the client" {
  trust X-Forwarded-Proto
  head --bytes=1000000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
  equal "$(status / --header "X-Forwarded-Proto: ftp" --header Expect: \
    --data-binary "@$BATS_TEST_TMPDIR/zeros")" 400
}

@test "the port comes from X-Forwarded-Port, else from the host, else from the scheme" {
  trust "${x_forwarded[@]}"
  request_with "X-Forwarded-Proto: https" "X-Forwarded-Host: a:81" "X-Forwarded-Port: 82"
  environ_has HTTP_HOST=a:82 SERVER_NAME=a SERVER_PORT=82
  request_with "X-Forwarded-Proto: https" "X-Forwarded-Host: a:81"
  environ_has HTTP_HOST=a:81 SERVER_NAME=a SERVER_PORT=81
  request_with "X-Forwarded-Proto: https" "X-Forwarded-Host: a"
  environ_has HTTP_HOST=a SERVER_NAME=a SERVER_PORT=443
  request_with "X-Forwarded-Host: [2001:db8::1]"
  environ_has "HTTP_HOST=[2001:db8::1]" "SERVER_NAME=[2001:db8::1]" SERVER_PORT=80
  request_with "X-Forwarded-Proto: https" "X-Forwarded-Host: a:81" "X-Forwarded-Port: 443"
  environ_has HTTP_HOST=a SERVER_NAME=a SERVER_PORT=443
  request_with "Host: b:81" "X-Forwarded-Port: 80"
  environ_has HTTP_HOST=b SERVER_PORT=80
  request_with "Host: b:81" "X-Forwarded-Proto: https"
  environ_has HTTP_HOST=b:81 SERVER_PORT=81
  request_with "Host: b" "X-Forwarded-Proto: https"
  environ_has HTTP_HOST=b SERVER_PORT=443
}

@test "the access log shows the client reported by the trusted proxy" {
  trust X-Forwarded-For -- --access-log=stderr
  http / --header "X-Forwarded-For: 192.0.2.1"
  logged "192.0.2.1 - - ["
}

@test "the app is not called for a client that has disconnected and has no address" {
  run -0 "$TESTS/hand-over" reset -- \
    "$PROGRAM" --access-log=stderr --python-path="$APPS" waits:app
  contains "$output" '- - - ['
  contains "$output" '] "GET /left HTTP/1.1" 499 - "-" "-"'
  [[ ! -e $FIFOS/notes ]]
}

@test "the app can identify the peer process of a unix socket" {
  serve environ:app
  request_with "Host: a"
  if [[ $FAMILY != unix ]]; then
    run ! grep "^wsgi_once\.peer_" <<<"$output"
    return
  fi
  equal "$(environ_value wsgi_once.peer_uid) $(environ_value wsgi_once.peer_gid)" \
    "$(id --user) $(id --group)"
  [[ $(environ_value wsgi_once.peer_pid) =~ ^[1-9][0-9]*$ ]]
}

@test "a user of a unix socket can be trusted by name" {
  FAMILY=unix
  serve --trusted-proxy="unix:$(id --user --name)" --trusted-field=X-Forwarded-Proto environ:app
  request_with "X-Forwarded-Proto: https"
  environ_has wsgi.url_scheme=https
  serve --trusted-proxy=unix:daemon --trusted-field=X-Forwarded-Proto environ:app
  request_with "X-Forwarded-Proto: https"
  environ_has wsgi.url_scheme=http
}

@test "wsgiref.validate accepts the environ" {
  serve --trusted-proxy="$(peer)" --trusted-field=X-Forwarded-For \
    --trusted-field=X-Forwarded-Proto validated:hello
  run -0 http / --header "X-Forwarded-For: 192.0.2.1" --header "X-Forwarded-Proto: https" --fail
  equal "$(exit_status)" 0
}
