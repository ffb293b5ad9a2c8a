#!/usr/bin/env bats
# ways: all

load helpers

# send_head LINE...: sends a request head of these lines and keeps the answer.
send_head() {
  run -0 talk send "$(printf '%s\\r\\n' "$@" 'Connection: close' '')" read
}

has_key() {
  grep -q "^$1=" <<<"$output"
}

@test "the request line is in the environ" {
  serve environ:app
  send_head "PURGE /a/b?c=d&e HTTP/1.1" "Host: example.org"
  equal "$(environ_value REQUEST_METHOD)" "'PURGE'"
  equal "$(environ_value SCRIPT_NAME)" "''"
  equal "$(environ_value PATH_INFO)" "'/a/b'"
  equal "$(environ_value QUERY_STRING)" "'c=d&e'"
  equal "$(environ_value SERVER_PROTOCOL)" "'HTTP/1.1'"
  equal "$(environ_value REQUEST_URI)" "'/a/b?c=d&e'"
  equal "$(environ_value RAW_URI)" "'/a/b?c=d&e'"
}

@test "SERVER_PROTOCOL is the version of the request" {
  serve environ:app
  send_head "GET / HTTP/1.0"
  equal "$(environ_value SERVER_PROTOCOL)" "'HTTP/1.0'"
}

@test "QUERY_STRING is defined without a query and with an empty one" {
  serve environ:app
  send_head "GET / HTTP/1.0"
  equal "$(environ_value QUERY_STRING)" "''"
  send_head "GET /? HTTP/1.0"
  equal "$(environ_value QUERY_STRING)" "''"
  equal "$(environ_value REQUEST_URI)" "'/?'"
}

@test "the environ describes the gateway" {
  serve environ:app
  send_head "GET / HTTP/1.0"
  equal "$(environ_value GATEWAY_INTERFACE)" "'CGI/1.1'"
  contains "$(environ_value SERVER_SOFTWARE)" "'wsgi-once"
  equal "$(environ_value wsgi.version)" "(1, 0)"
  equal "$(environ_value wsgi.url_scheme)" "'http'"
  equal "$(environ_value wsgi.run_once)" True
  equal "$(environ_value wsgi.multithread)" False
  equal "$(environ_value wsgi.multiprocess)" True
  equal "$(environ_value wsgi.input_terminated)" True
}

@test "the environ is a dict of native strings with Latin-1 code points" {
  serve environ_types:app
  send_head "GET /%E2%82%AC/%FF?a=%E2%82%AC HTTP/1.1" "Host: example.org" \
    'X-Bytes: \xe2\x82\xac \xff'
  [[ $output != *"not Latin-1"* ]]
  contains "$output" "environ: True"
  contains "$output" "str PATH_INFO: str"
  contains "$output" "str HTTP_X_BYTES: str"
  contains "$output" "str wsgi.version: tuple"
  contains "$output" "str wsgi.url_scheme: str"
  contains "$output" "str wsgi.run_once: bool"
  contains "$output" "str wsgi.multithread: bool"
  contains "$output" "str wsgi.multiprocess: bool"
  contains "$output" "str wsgi.input_terminated: bool"
  contains "$output" "errors: True"
  contains "$output" "file_wrapper: True"
  # All CGI variables: the keys without a dot.
  equal "$(grep -E '^[a-z]+ [A-Z_]+: ' <<<"$output" | grep -vE '^str [A-Z_]+: str$')" ""
}

@test "PATH_INFO is percent-decoded, each byte as a Latin-1 character" {
  serve environ:app
  send_head "GET /caf%C3%A9/%e9/a%20b%2Fc%25 HTTP/1.1" "Host: example.org"
  equal "$(environ_value PATH_INFO)" "'/cafÃ©/é/a b/c%'"
}

@test "plus signs, dots and repeated slashes in the path are kept" {
  serve environ:app
  send_head "GET /a+b//c/../d HTTP/1.1" "Host: example.org"
  equal "$(environ_value PATH_INFO)" "'/a+b//c/../d'"
}

@test "QUERY_STRING, REQUEST_URI and RAW_URI are not decoded" {
  serve environ:app
  send_head "GET /%41%2f?%41+%2f%zz&?/ HTTP/1.1" "Host: example.org"
  equal "$(environ_value PATH_INFO)" "'/A/'"
  equal "$(environ_value QUERY_STRING)" "'%41+%2f%zz&?/'"
  equal "$(environ_value REQUEST_URI)" "'/%41%2f?%41+%2f%zz&?/'"
  equal "$(environ_value RAW_URI)" "'/%41%2f?%41+%2f%zz&?/'"
}

@test "--mount becomes SCRIPT_NAME, and PATH_INFO is the rest" {
  serve --mount=/app environ:app
  send_head "GET /app HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO)" "'/app' ''"
  send_head "GET /app/ HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO)" "'/app' '/'"
  send_head "GET /app/x/y?/app HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO)" "'/app' '/x/y'"
  equal "$(environ_value REQUEST_URI)" "'/app/x/y?/app'"
  send_head "GET /app?q HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO) $(environ_value QUERY_STRING)" \
    "'/app' '' 'q'"
}

@test "--mount=/ leaves the whole path in PATH_INFO, as without the option" {
  serve --mount=/ environ:app
  send_head "GET /app/x HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO)" "'' '/app/x'"
}

@test "--mount matches whole segments only; any other path is answered 404 without the app" {
  serve --mount=/app prints:app
  equal "$(status /application)" 404
  equal "$(status /ap)" 404
  equal "$(status /)" 404
  equal "$(status /other/app)" 404
  equal "$(status /APP)" 404
  for _ in 1 2 3 4 5; do
    equal "$(exit_status)" 0
  done
  not_logged "printed to wsgi.errors"
  equal "$(status /app)" 200
  logged "printed to wsgi.errors"
}

@test "--mount can have several segments" {
  serve --mount=/a/b environ:app
  send_head "GET /a/b/c HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO)" "'/a/b' '/c'"
  equal "$(status /a)" 404
  equal "$(status /a/bc)" 404
}

@test "--mount is compared with the decoded path" {
  serve --mount=/app environ:app
  send_head "GET /%61pp/x HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO)" "'/app' '/x'"
  equal "$(environ_value REQUEST_URI)" "'/%61pp/x'"
  serve --mount=/café environ:app
  send_head "GET /caf%C3%A9/x HTTP/1.0"
  equal "$(environ_value SCRIPT_NAME) $(environ_value PATH_INFO)" "'/cafÃ©' '/x'"
}

@test "the addresses are those of the socket" {
  serve environ:app
  run -0 http / -H "Host: example.org:8443" --write-out 'local port: %{local_port}\n'
  if [[ $FAMILY == unix ]]; then
    # A unix socket has no addresses, but SERVER_NAME and SERVER_PORT must not be empty.
    equal "$(environ_value REMOTE_ADDR) $(environ_value REMOTE_PORT)" "'' ''"
    equal "$(environ_value SERVER_NAME) $(environ_value SERVER_PORT)" "'example.org' '8443'"
    return
  fi
  case $FAMILY in
    tcp)
      equal "$(environ_value REMOTE_ADDR) $(environ_value SERVER_NAME)" "'127.0.0.1' '127.0.0.1'" ;;
    # Brackets only in SERVER_NAME: RFC 3875 §4.1.8 and §4.1.14.
    tcp6) equal "$(environ_value REMOTE_ADDR) $(environ_value SERVER_NAME)" "'::1' '[::1]'" ;;
  esac
  equal "$(environ_value REMOTE_PORT)" "'$(sed -n 's/^local port: //p' <<<"$output")'"
  equal "$(environ_value SERVER_PORT)" "'${ADDRESS##*:}'"
}

@test "SERVER_NAME and SERVER_PORT are never empty" {
  serve environ:app
  local head
  for head in 'GET / HTTP/1.0\r\n' 'GET / HTTP/1.1\r\nHost:\r\n' 'GET / HTTP/1.1\r\nHost: a\r\n' \
    'GET / HTTP/1.0\r\nHost: a:\r\n'; do
    run -0 talk send "$head\r\n" read
    [[ $(environ_value SERVER_NAME) == \'?*\' ]]
    [[ $(environ_value SERVER_PORT) == \'[1-9]*\' ]]
  done
}

@test "a unix socket without Host gives localhost and port 80" {
  FAMILY=unix
  serve environ:app
  send_head "GET / HTTP/1.0"
  equal "$(environ_value SERVER_NAME) $(environ_value SERVER_PORT)" "'localhost' '80'"
  send_head "GET / HTTP/1.1" "Host: example.org"
  equal "$(environ_value SERVER_NAME) $(environ_value SERVER_PORT)" "'example.org' '80'"
}

@test "header fields become HTTP_* variables" {
  serve environ:app
  send_head "GET / HTTP/1.1" "Host: example.org:81" "aCCept:text/html" 'X-Two-Words: \t a  b \t ' \
    "X-None:"
  equal "$(environ_value HTTP_HOST)" "'example.org:81'"
  equal "$(environ_value HTTP_ACCEPT)" "'text/html'"
  equal "$(environ_value HTTP_X_TWO_WORDS)" "'a  b'"
  equal "$(environ_value HTTP_X_NONE)" "''"
}

@test "CONTENT_TYPE and CONTENT_LENGTH have no HTTP_ prefix" {
  serve environ:app
  send_head "POST / HTTP/1.1" "Host: a" "content-type: text/x; y=z" "content-length: 0"
  equal "$(environ_value CONTENT_TYPE)" "'text/x; y=z'"
  equal "$(environ_value CONTENT_LENGTH)" "'0'"
  has_key HTTP_HOST
  run ! has_key HTTP_CONTENT_TYPE
  send_head "POST / HTTP/1.1" "Host: a" "content-length: 0"
  run ! has_key HTTP_CONTENT_LENGTH
}

@test "variables of missing fields are absent or empty" {
  serve environ:app
  send_head "GET / HTTP/1.0"
  has_key REQUEST_METHOD
  [[ -z $(environ_value CONTENT_TYPE) || $(environ_value CONTENT_TYPE) == "''" ]]
  [[ -z $(environ_value CONTENT_LENGTH) || $(environ_value CONTENT_LENGTH) == "''" ]]
  equal "$(environ_value HTTP_HOST)" ""
}

@test "a field name with an underscore never becomes a variable" {
  serve environ:app
  send_head "GET / HTTP/1.1" "Host: a" "X_User: admin" "X-User_Name: admin" "Content_Type: text/x" \
    "Content_Length: 7" "X-Plain: yes"
  equal "$(environ_value HTTP_X_PLAIN)" "'yes'"
  [[ $output != *admin* && $output != *text/x* ]]
  equal "$(environ_value CONTENT_LENGTH)" ""
}

@test "a field name with an underscore does not replace the one with a hyphen" {
  serve environ:app
  send_head "GET / HTTP/1.1" "Host: a" "X_User: mallory" "X-User: alice" "x_user: mallory"
  equal "$(environ_value HTTP_X_USER)" "'alice'"
}

@test "the field Proxy never becomes HTTP_PROXY" {
  serve environ:app
  send_head "GET / HTTP/1.1" "Host: a" "Proxy: http://evil.example" "pROXY: http://evil.example" \
    "Proxy-Other: yes"
  equal "$(environ_value HTTP_PROXY_OTHER)" "'yes'"
  [[ $output != *evil* ]]
}

@test "repeated fields are joined in order with commas, Cookie with semicolons" {
  serve environ:app
  send_head "GET / HTTP/1.1" "Host: a" "X-List: 1" "Cookie: a=1" "x-list: 2, 3" "cookie: b=2" \
    "X-LIST: 4" "Cookie: c=3; d=4"
  equal "$(environ_value HTTP_X_LIST)" "'1, 2, 3, 4'"
  equal "$(environ_value HTTP_COOKIE)" "'a=1; b=2; c=3; d=4'"
}

@test "bytes of field values become Latin-1 characters" {
  serve environ:app
  send_head "GET / HTTP/1.1" "Host: a" 'X-Name: caf\xe9 \xc3\xa9' 'X-Name: \xff'
  equal "$(environ_value HTTP_X_NAME)" "'café Ã©, ÿ'"
}

@test "the host of an absolute-form target overrides Host" {
  serve environ:app
  send_head "GET http://right.example:81/a/b?c HTTP/1.1" "Host: wrong.example"
  equal "$(environ_value HTTP_HOST)" "'right.example:81'"
  equal "$(environ_value PATH_INFO)" "'/a/b'"
  equal "$(environ_value QUERY_STRING)" "'c'"
  equal "$(environ_value REQUEST_URI)" "'http://right.example:81/a/b?c'"
  equal "$(environ_value RAW_URI)" "'http://right.example:81/a/b?c'"
  [[ $output != *wrong.example* ]]
}

@test "an absolute-form target without a path requests the root" {
  serve environ:app
  send_head "GET http://right.example HTTP/1.1" "Host: right.example"
  equal "$(environ_value PATH_INFO)" "'/'"
  send_head "GET http://right.example?q HTTP/1.1" "Host: right.example"
  equal "$(environ_value PATH_INFO) $(environ_value QUERY_STRING)" "'/' 'q'"
}

@test "environment variables of the process do not appear in the environ" {
  export HTTP_X_FOREIGN=yes FOREIGN=yes
  serve environ:app
  send_head "GET / HTTP/1.0"
  has_key wsgi.input
  [[ $output != *FOREIGN* ]]
}
