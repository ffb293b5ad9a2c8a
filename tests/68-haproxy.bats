#!/usr/bin/env bats
# ways: one
#
# --proxy-protocol with a real proxy. HAProxy forwards bytes (mode tcp), so only the PROXY protocol
# names the client.

load server

HAPROXY=

teardown() {
  local pid
  end_haproxy
  [[ -n $BATS_TEST_COMPLETED ]] || cat "$BATS_TEST_TMPDIR"/haproxy.* || :
  stop
  for pid in $(processes_of_test); do
    kill -KILL "$pid" 2>/dev/null || :
  done
  check_log
}

end_haproxy() {
  [[ -n $HAPROXY ]] || return 0
  kill "$HAPROXY"
  wait "$HAPROXY" || :
  HAPROXY=
}

# Serves the app for HAProxy, on a socket of this family.
serve_behind() { # family, option...
  FAMILY=$1
  case $FAMILY in
    unix) serve --idle-timeout=0 --proxy-protocol --trusted-proxy=unix "${@:2}" ;;
    tcp) serve --idle-timeout=0 --proxy-protocol --trusted-proxy=127.0.0.1 "${@:2}" ;;
  esac
}

# front SETTING...: starts HAProxy in front of the app, with these settings of the server. HAProxy
# inherits its listening socket, for which the kernel chooses PORT.
front() {
  local server=unix@$ADDRESS
  command -v haproxy >/dev/null || skip "haproxy is not installed"
  [[ $FAMILY == unix ]] || server=127.0.0.1:$ADDRESS
  end_haproxy
  cat >"$BATS_TEST_TMPDIR/haproxy.cfg" <<CONFIGURATION
global
  stats socket $BATS_TEST_TMPDIR/admin
defaults
  mode tcp
  timeout connect ${PATIENCE}s
  timeout client ${PATIENCE}s
  timeout server ${PATIENCE}s
  timeout check ${PATIENCE}s
listen all
  ${HTTP_CHECK:-}
  bind fd@3 ${BIND:-}
  server one $server $*
CONFIGURATION
  /usr/bin/python3 -IS - "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/haproxy.log" 2>&1 4>&- <<'PYTHON' &
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1] + "/port", "w") as file:
    print(listener.getsockname()[1], file=file)
os.dup2(os.dup(listener.fileno()), 3)
os.execvp("haproxy", ["haproxy", "-db", "-f", sys.argv[1] + "/haproxy.cfg"])
PYTHON
  HAPROXY=$!
  eventually administer "show info" >"$BATS_TEST_TMPDIR/info" 2>&1
  PORT=$(<"$BATS_TEST_TMPDIR/port")
}

# administer COMMAND: prints HAProxy's answer.
administer() {
  "$TESTS/talk" "$BATS_TEST_TMPDIR/admin" send "$1\\n" read
}

# get_through_haproxy [SCHEME]: sends a request from 127.0.0.7. $output is the environ of the app.
get_through_haproxy() {
  run -0 curl --silent --show-error --max-time "$PATIENCE" --insecure --interface 127.0.0.7 \
    "${1:-http}://127.0.0.1:$PORT/"
}

shows() {
  local line
  for line; do
    grep -qxF -- "$line" <<<"$output" || equal "$output" "with a line $line"
  done
}

is_up() {
  contains "$(administer "show stat")" ",L7OK,"
}

@test "HAProxy's send-proxy and send-proxy-v2 name the client" {
  local family setting
  for family in unix tcp; do
    serve_behind "$family" environ:app
    for setting in send-proxy send-proxy-v2 "send-proxy-v2 proxy-v2-options crc32c,unique-id"; do
      front "$setting"
      get_through_haproxy
      shows "REMOTE_ADDR='127.0.0.7'" "SERVER_NAME='127.0.0.1'" "SERVER_PORT='$PORT'" \
        "wsgi.url_scheme='http'"
    done
  done
  equal "$(cat "$LOG")" ""
}

@test "HAProxy's send-proxy-v2-ssl reports that the client uses TLS" {
  command -v openssl >/dev/null || skip "openssl is not installed"
  openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
    -keyout "$BATS_TEST_TMPDIR/key" -out "$BATS_TEST_TMPDIR/certificate" 2>/dev/null
  cat "$BATS_TEST_TMPDIR/certificate" "$BATS_TEST_TMPDIR/key" >"$BATS_TEST_TMPDIR/both"
  serve_behind unix environ:app
  front "send-proxy-v2-ssl"
  get_through_haproxy
  shows "REMOTE_ADDR='127.0.0.7'" "wsgi.url_scheme='http'"
  BIND="ssl crt $BATS_TEST_TMPDIR/both" front "send-proxy-v2-ssl"
  get_through_haproxy https
  shows "REMOTE_ADDR='127.0.0.7'" "wsgi.url_scheme='https'" "HTTPS='on'"
  BIND="ssl crt $BATS_TEST_TMPDIR/both" \
    front "send-proxy-v2-ssl-cn proxy-v2-options crc32c,ssl,cert-cn"
  get_through_haproxy https
  shows "REMOTE_ADDR='127.0.0.7'" "wsgi.url_scheme='https'"
  equal "$(cat "$LOG")" ""
}

@test "HAProxy's health checks are requests of HAProxy itself" {
  local setting
  for setting in send-proxy send-proxy-v2; do
    serve_behind tcp --access-log=stderr hello:app
    HTTP_CHECK="option httpchk GET /health" front "$setting check check-send-proxy inter 50ms"
    eventually is_up
    eventually grep -q '"GET /health HTTP/1\.[01]" 200 ' "$LOG"
    contains "$(grep -F /health "$LOG")" "127.0.0.1 - - ["
    get_through_haproxy
    logged '"GET / HTTP/1.1" 200 '
    contains "$(grep -F '"GET / ' "$LOG")" "127.0.0.7 - - ["
    not_logged aborted
    : >"$LOG"
  done
}

@test "HAProxy's health checks that only connect are not logged" {
  local setting
  for setting in "" check-send-proxy; do
    serve_behind tcp --access-log=stderr hello:app
    front "send-proxy-v2 check $setting inter 20ms"
    eventually has_checked
    get_through_haproxy
    logged '"GET / HTTP/1.1" 200 '
    equal "$(grep -vcF '"GET / ' "$LOG")" 0
    : >"$LOG"
  done
}

# HAProxy has done some checks.
has_checked() {
  [[ $(administer "show stat") == *,one,*,UP,*,L4OK,* ]]
}

@test "HAProxy without send-proxy is refused" {
  serve_behind tcp hello:app
  front
  run curl --silent --max-time "$PATIENCE" "http://127.0.0.1:$PORT/"
  ((status != 0))
  equal "$output" ""
  logged "aborted a connection from 127.0.0.1: PROXY protocol header: missing signature"
}
