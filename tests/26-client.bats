#!/usr/bin/env bats
# ways: all
#
# Who the client is and what it asked for, when a front server says so: --trusted-proxy and
# --trusted-field.

load helpers

# believe FIELD... [-- OPTION...]: serves an app that shows its environ to a front server that is
# believed in these fields.
believe() {
  local options=(--trusted-proxy="$(peer)")
  while (($# > 0)) && [[ $1 != -- ]]; do
    options+=(--trusted-field="$1")
    shift
  done
  serve "${options[@]}" "${@:2}" environ:app
}

# ask FIELD...: what the front server sends; keeps the answer.
ask() {
  local field arguments=()
  for field; do
    arguments+=(--header "$field")
  done
  run -0 http /path "${arguments[@]}"
}

# value KEY: from the environ in the last answer, as repr() shows it.
value() {
  sed -n "s/^$1=//p" <<<"$output"
}

# shows KEY=VALUE...: the environ has these strings.
shows() {
  local pair
  for pair; do
    equal "${pair%%=*}: $(value "${pair%%=*}")" "${pair%%=*}: '${pair#*=}'" || return
  done
}

x_forwarded=(X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Port X-Forwarded-Prefix)

@test "all that a trusted proxy tells" {
  believe "${x_forwarded[@]}" -- --mount=/path
  ask "X-Forwarded-For: 192.0.2.1:4711" "X-Forwarded-Proto: https" \
    "X-Forwarded-Host: www.example.org" "X-Forwarded-Port: 8443" "X-Forwarded-Prefix: /apps%20/"
  shows REMOTE_ADDR=192.0.2.1 REMOTE_PORT=4711 wsgi.url_scheme=https HTTPS=on \
    HTTP_HOST=www.example.org:8443 SERVER_NAME=www.example.org SERVER_PORT=8443 \
    "SCRIPT_NAME=/apps /path" PATH_INFO= REQUEST_URI=/path
}

@test "the same in Forwarded" {
  believe Forwarded
  ask "Forwarded: for=\"[2001:db8::1]:4711\";proto=https;host=\"www.example.org:8443\""
  shows REMOTE_ADDR=2001:db8::1 REMOTE_PORT=4711 wsgi.url_scheme=https HTTPS=on \
    HTTP_HOST=www.example.org:8443 SERVER_NAME=www.example.org SERVER_PORT=8443 SCRIPT_NAME=
}

@test "who is not trusted is not believed, and apps are not to believe it either" {
  local proxy
  for proxy in 192.0.2.1 2001:db8::/32 unix:4711; do
    serve --trusted-proxy="$proxy" --trusted-field=X-Forwarded-For \
      --trusted-field=X-Forwarded-Proto environ:app
    ask "Host: own.example" "X-Forwarded-For: 192.0.2.66" "X-Forwarded-Proto: https" \
      "X-Forwarded-Host: evil" "Forwarded: for=192.0.2.66" "X-Forwarded-Prefix: malformed" \
      "x-forwarded-port: 666" "X-Forwarded-Other: stays"
    shows wsgi.url_scheme=http HTTP_HOST=own.example SCRIPT_NAME= HTTP_X_FORWARDED_OTHER=stays
    [[ $output != *192.0.2.66* && $output != *evil* && $output != *"'666'"* ]]
    [[ $(grep -c "^HTTPS=\|^HTTP_X_FORWARDED_PREFIX=" <<<"$output") == 0 ]]
  done
}

@test "fields that are not believed do not reach the app, not from a trusted proxy either" {
  believe X-Forwarded-Proto
  ask "Host: own.example" "X-Forwarded-Proto: HTTPS" "X-Forwarded-For: 192.0.2.66" \
    "X-Forwarded-Host: evil" "Forwarded: for=192.0.2.66;host=evil"
  shows wsgi.url_scheme=https HTTP_X_FORWARDED_PROTO=HTTPS HTTP_HOST=own.example SERVER_PORT=443
  [[ $output != *192.0.2.66* && $output != *evil* ]]
}

@test "without --trusted-field, nothing is believed and the fields reach the app" {
  serve --trusted-proxy="$(peer)" environ:app
  ask "Host: own.example" "X-Forwarded-For: 192.0.2.66" "X-Forwarded-Proto: https"
  shows wsgi.url_scheme=http HTTP_X_FORWARDED_FOR=192.0.2.66 HTTP_X_FORWARDED_PROTO=https
  [[ $(value REMOTE_ADDR) != *192.0.2.66* ]]
}

@test "the client is the last one that is no trusted proxy" {
  serve --trusted-proxy="$(peer)" --trusted-proxy=10.0.0.0/8 --trusted-field=X-Forwarded-For \
    environ:app
  ask "X-Forwarded-For: invented, 192.0.2.9" "X-Forwarded-For: 192.0.2.1, 10.1.2.3,10.0.0.1"
  shows REMOTE_ADDR=192.0.2.1 REMOTE_PORT=
  ask "X-Forwarded-For: 10.1.2.3, 10.0.0.1"
  shows REMOTE_ADDR=10.1.2.3
  ask "X-Forwarded-For: 192.0.2.1, unknown"
  shows REMOTE_ADDR= REMOTE_PORT=
}

@test "what a trusted proxy says and nobody understands is answered 400" {
  local field
  believe "${x_forwarded[@]}"
  for field in "X-Forwarded-For: 192.0.2.1, example.org" "X-Forwarded-Proto: ftp" \
    "X-Forwarded-Host: a/b" "X-Forwarded-Port: 65536" "X-Forwarded-Prefix: /a%0d%0ab" \
    "X-Forwarded-Prefix: /a/%2e%2e/b" "X-Forwarded-Prefix: //evil.example"; do
    equal "$(status / --header "$field")" 400
    equal "$(exit_status)" 0
    logged "answered 400: ${field%%:*} from a trusted proxy is "
  done
  contains "$(http / --header "$field")" "X-Forwarded-Prefix from a trusted proxy is malformed"
  believe Forwarded
  for field in "for=192.0.2.1;proto=ftp" "for=\"192.0.2.1, for=192.0.2.2" "for=192.0.2.1;for=::1"; do
    equal "$(status / --header "Forwarded: $field")" 400
  done
  logged "answered 400: Forwarded from a trusted proxy is malformed"
}

@test "a trusted proxy vouches for an https target, unless it says http" {
  local target=(--request-target https://www.example.org/x)
  believe X-Forwarded-Proto
  equal "$(status / "${target[@]}" --header "X-Forwarded-Proto: https")" 200
  equal "$(status / "${target[@]}")" 200
  equal "$(status / "${target[@]}" --header "X-Forwarded-Proto: http")" 421
  serve --trusted-proxy=192.0.2.1 --trusted-field=X-Forwarded-Proto environ:app
  equal "$(status / "${target[@]}" --header "X-Forwarded-Proto: https")" 421
}

@test "the scheme of an https target that was accepted is https" {
  believe X-Forwarded-For
  run -0 http /path --request-target https://www.example.org/x
  shows wsgi.url_scheme=https HTTPS=on HTTP_HOST=www.example.org SERVER_PORT=443
  run -0 http /path --request-target HTTPS://www.example.org:8443/x
  shows wsgi.url_scheme=https HTTPS=on HTTP_HOST=www.example.org:8443 SERVER_PORT=8443
  run -0 http /path --request-target http://www.example.org/x
  shows wsgi.url_scheme=http
  equal "$(value HTTPS)" ""
  believe X-Forwarded-Proto # what is said of the scheme wins, as of any other request
  run -0 http /path --request-target http://www.example.org/x --header "X-Forwarded-Proto: https"
  shows wsgi.url_scheme=https SERVER_PORT=443
}

@test "content behind a head that is refused does not cost the client its answer" {
  believe X-Forwarded-Proto
  head --bytes=1000000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
  equal "$(status / --header "X-Forwarded-Proto: ftp" --header Expect: \
    --data-binary "@$BATS_TEST_TMPDIR/zeros")" 400
}

@test "the port: of its field, else of the host, else of the scheme" {
  believe "${x_forwarded[@]}"
  ask "X-Forwarded-Proto: https" "X-Forwarded-Host: a:81" "X-Forwarded-Port: 82"
  shows HTTP_HOST=a:82 SERVER_NAME=a SERVER_PORT=82
  ask "X-Forwarded-Proto: https" "X-Forwarded-Host: a:81"
  shows HTTP_HOST=a:81 SERVER_NAME=a SERVER_PORT=81
  ask "X-Forwarded-Proto: https" "X-Forwarded-Host: a"
  shows HTTP_HOST=a SERVER_NAME=a SERVER_PORT=443
  ask "X-Forwarded-Host: [2001:db8::1]"
  shows "HTTP_HOST=[2001:db8::1]" "SERVER_NAME=[2001:db8::1]" SERVER_PORT=80
  ask "X-Forwarded-Proto: https" "X-Forwarded-Host: a:81" "X-Forwarded-Port: 443"
  shows HTTP_HOST=a SERVER_NAME=a SERVER_PORT=443
  ask "Host: b:81" "X-Forwarded-Port: 80"
  shows HTTP_HOST=b SERVER_PORT=80
  ask "Host: b:81" "X-Forwarded-Proto: https"
  shows HTTP_HOST=b:81 SERVER_PORT=81
  ask "Host: b" "X-Forwarded-Proto: https"
  shows HTTP_HOST=b SERVER_PORT=443
}

@test "the access log has the client that is believed" {
  believe X-Forwarded-For -- --access-log=stderr
  http / --header "X-Forwarded-For: 192.0.2.1"
  logged "192.0.2.1 - - ["
}

@test "an app does nothing for who has left and has no address any more" {
  run -0 "$TESTS/hand-over" reset -- \
    "$PROGRAM" --access-log=stderr --python-path="$APPS" waits:app
  contains "$output" '- - - ['
  contains "$output" '] "GET /left HTTP/1.1" 499 - "-" "-"'
  [[ ! -e $FIFOS/notes ]]
}

@test "an app finds whose process has connected to a unix socket" {
  serve environ:app
  ask "Host: a"
  if [[ $FAMILY != unix ]]; then
    run ! grep "^wsgi_once\.peer_" <<<"$output"
    return
  fi
  equal "$(value wsgi_once.peer_uid) $(value wsgi_once.peer_gid)" "$(id --user) $(id --group)"
  [[ $(value wsgi_once.peer_pid) =~ ^[1-9][0-9]*$ ]]
}

@test "a user of a unix socket may be trusted by name" {
  FAMILY=unix
  serve --trusted-proxy="unix:$(id --user --name)" --trusted-field=X-Forwarded-Proto environ:app
  ask "X-Forwarded-Proto: https"
  shows wsgi.url_scheme=https
  serve --trusted-proxy=unix:daemon --trusted-field=X-Forwarded-Proto environ:app
  ask "X-Forwarded-Proto: https"
  shows wsgi.url_scheme=http
}

@test "the environ stays one that wsgiref.validate accepts" {
  serve --trusted-proxy="$(peer)" --trusted-field=X-Forwarded-For \
    --trusted-field=X-Forwarded-Proto validated:hello
  run -0 http / --header "X-Forwarded-For: 192.0.2.1" --header "X-Forwarded-Proto: https" --fail
  equal "$(exit_status)" 0
}
