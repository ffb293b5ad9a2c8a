#!/usr/bin/env bats
# ways: all

load helpers

# ask HEAD: sends a request head, each line of it an argument, and keeps the answer.
ask() {
  run -0 talk send "$(printf '%s\\r\\n' "$@" 'Connection: close' '')" read
}

# value KEY: from the environ in the last answer, as repr() shows it.
value() {
  sed -n "s/^$1=//p" <<<"$output"
}

has_key() {
  grep -q "^$1=" <<<"$output"
}

@test "the request line is in the environ" {
  serve environ:app
  ask "PURGE /a/b?c=d&e HTTP/1.1" "Host: example.org"
  equal "$(value REQUEST_METHOD)" "'PURGE'"
  equal "$(value SCRIPT_NAME)" "''"
  equal "$(value PATH_INFO)" "'/a/b'"
  equal "$(value QUERY_STRING)" "'c=d&e'"
  equal "$(value SERVER_PROTOCOL)" "'HTTP/1.1'"
  equal "$(value REQUEST_URI)" "'/a/b?c=d&e'"
  equal "$(value RAW_URI)" "'/a/b?c=d&e'"
}

@test "SERVER_PROTOCOL is the version of the request" {
  serve environ:app
  ask "GET / HTTP/1.0"
  equal "$(value SERVER_PROTOCOL)" "'HTTP/1.0'"
}

@test "QUERY_STRING is defined without a query, and with an empty one" {
  serve environ:app
  ask "GET / HTTP/1.0"
  equal "$(value QUERY_STRING)" "''"
  ask "GET /? HTTP/1.0"
  equal "$(value QUERY_STRING)" "''"
  equal "$(value REQUEST_URI)" "'/?'"
}

@test "the gateway tells what it is" {
  serve environ:app
  ask "GET / HTTP/1.0"
  equal "$(value GATEWAY_INTERFACE)" "'CGI/1.1'"
  contains "$(value SERVER_SOFTWARE)" "'wsgi-once"
  equal "$(value wsgi.version)" "(1, 0)"
  equal "$(value wsgi.url_scheme)" "'http'"
  equal "$(value wsgi.run_once)" True
  equal "$(value wsgi.multithread)" False
  equal "$(value wsgi.multiprocess)" True
  equal "$(value wsgi.input_terminated)" True
}

@test "the environ is a dict of native strings with Latin-1 code points" {
  serve environ_types:app
  ask "GET /%E2%82%AC/%FF?a=%E2%82%AC HTTP/1.1" "Host: example.org" 'X-Bytes: \xe2\x82\xac \xff'
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
  # All CGI variables, that is all keys without a dot.
  equal "$(grep -E '^[a-z]+ [A-Z_]+: ' <<<"$output" | grep -vE '^str [A-Z_]+: str$')" ""
}

@test "PATH_INFO is percent-decoded, each byte as a Latin-1 character" {
  serve environ:app
  ask "GET /caf%C3%A9/%e9/a%20b%2Fc%25 HTTP/1.1" "Host: example.org"
  equal "$(value PATH_INFO)" "'/cafÃ©/é/a b/c%'"
}

@test "a plus in the path, dots and repeated slashes stay what they are" {
  serve environ:app
  ask "GET /a+b//c/../d HTTP/1.1" "Host: example.org"
  equal "$(value PATH_INFO)" "'/a+b//c/../d'"
}

@test "QUERY_STRING, REQUEST_URI and RAW_URI are not decoded" {
  serve environ:app
  ask "GET /%41%2f?%41+%2f%zz&?/ HTTP/1.1" "Host: example.org"
  equal "$(value PATH_INFO)" "'/A/'"
  equal "$(value QUERY_STRING)" "'%41+%2f%zz&?/'"
  equal "$(value REQUEST_URI)" "'/%41%2f?%41+%2f%zz&?/'"
  equal "$(value RAW_URI)" "'/%41%2f?%41+%2f%zz&?/'"
}

@test "--mount becomes SCRIPT_NAME, PATH_INFO is what follows" {
  serve --mount=/app environ:app
  ask "GET /app HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO)" "'/app' ''"
  ask "GET /app/ HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO)" "'/app' '/'"
  ask "GET /app/x/y?/app HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO)" "'/app' '/x/y'"
  equal "$(value REQUEST_URI)" "'/app/x/y?/app'"
  ask "GET /app?q HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO) $(value QUERY_STRING)" "'/app' '' 'q'"
}

@test "--mount=/ is the whole path, as without the option" {
  serve --mount=/ environ:app
  ask "GET /app/x HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO)" "'' '/app/x'"
}

@test "--mount ends where a segment ends, else 404 and the app is not run" {
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

@test "--mount may have several segments" {
  serve --mount=/a/b environ:app
  ask "GET /a/b/c HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO)" "'/a/b' '/c'"
  equal "$(status /a)" 404
  equal "$(status /a/bc)" 404
}

@test "--mount is compared with the decoded path" {
  serve --mount=/app environ:app
  ask "GET /%61pp/x HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO)" "'/app' '/x'"
  equal "$(value REQUEST_URI)" "'/%61pp/x'"
  serve --mount=/café environ:app
  ask "GET /caf%C3%A9/x HTTP/1.0"
  equal "$(value SCRIPT_NAME) $(value PATH_INFO)" "'/cafÃ©' '/x'"
}

@test "the addresses come from the socket" {
  serve environ:app
  run -0 http / -H "Host: example.org:8443" --write-out 'local port: %{local_port}\n'
  if [[ $FAMILY == unix ]]; then
    # A unix socket has no addresses, and SERVER_NAME and SERVER_PORT must not be empty.
    equal "$(value REMOTE_ADDR) $(value REMOTE_PORT)" "'' ''"
    equal "$(value SERVER_NAME) $(value SERVER_PORT)" "'example.org' '8443'"
    return
  fi
  case $FAMILY in
    tcp) equal "$(value REMOTE_ADDR) $(value SERVER_NAME)" "'127.0.0.1' '127.0.0.1'" ;;
    # Brackets in SERVER_NAME only: RFC 3875 §4.1.8 and §4.1.14.
    tcp6) equal "$(value REMOTE_ADDR) $(value SERVER_NAME)" "'::1' '[::1]'" ;;
  esac
  equal "$(value REMOTE_PORT)" "'$(sed -n 's/^local port: //p' <<<"$output")'"
  equal "$(value SERVER_PORT)" "'${ADDRESS##*:}'"
}

@test "SERVER_NAME and SERVER_PORT are never empty" {
  serve environ:app
  local head
  for head in 'GET / HTTP/1.0\r\n' 'GET / HTTP/1.1\r\nHost:\r\n' 'GET / HTTP/1.1\r\nHost: a\r\n' \
    'GET / HTTP/1.0\r\nHost: a:\r\n'; do
    run -0 talk send "$head\r\n" read
    [[ $(value SERVER_NAME) == \'?*\' ]]
    [[ $(value SERVER_PORT) == \'[1-9]*\' ]]
  done
}

@test "a unix socket without a Host to go by is localhost, port 80" {
  FAMILY=unix
  serve environ:app
  ask "GET / HTTP/1.0"
  equal "$(value SERVER_NAME) $(value SERVER_PORT)" "'localhost' '80'"
  ask "GET / HTTP/1.1" "Host: example.org"
  equal "$(value SERVER_NAME) $(value SERVER_PORT)" "'example.org' '80'"
}

@test "fields become HTTP_* variables" {
  serve environ:app
  ask "GET / HTTP/1.1" "Host: example.org:81" "aCCept:text/html" 'X-Two-Words: \t a  b \t ' \
    "X-None:"
  equal "$(value HTTP_HOST)" "'example.org:81'"
  equal "$(value HTTP_ACCEPT)" "'text/html'"
  equal "$(value HTTP_X_TWO_WORDS)" "'a  b'"
  equal "$(value HTTP_X_NONE)" "''"
}

@test "CONTENT_TYPE and CONTENT_LENGTH come without HTTP_" {
  serve environ:app
  ask "POST / HTTP/1.1" "Host: a" "content-type: text/x; y=z" "content-length: 0"
  equal "$(value CONTENT_TYPE)" "'text/x; y=z'"
  equal "$(value CONTENT_LENGTH)" "'0'"
  has_key HTTP_HOST
  run ! has_key HTTP_CONTENT_TYPE
  ask "POST / HTTP/1.1" "Host: a" "content-length: 0"
  run ! has_key HTTP_CONTENT_LENGTH
}

@test "variables without a field are absent or empty" {
  serve environ:app
  ask "GET / HTTP/1.0"
  has_key REQUEST_METHOD
  [[ -z $(value CONTENT_TYPE) || $(value CONTENT_TYPE) == "''" ]]
  [[ -z $(value CONTENT_LENGTH) || $(value CONTENT_LENGTH) == "''" ]]
  equal "$(value HTTP_HOST)" ""
}

@test "field names with an underscore never become variables" {
  serve environ:app
  ask "GET / HTTP/1.1" "Host: a" "X_User: admin" "X-User_Name: admin" "Content_Type: text/x" \
    "Content_Length: 7" "X-Plain: yes"
  equal "$(value HTTP_X_PLAIN)" "'yes'"
  [[ $output != *admin* && $output != *text/x* ]]
  equal "$(value CONTENT_LENGTH)" ""
}

@test "an underscore does not displace the field with a hyphen" {
  serve environ:app
  ask "GET / HTTP/1.1" "Host: a" "X_User: mallory" "X-User: alice" "x_user: mallory"
  equal "$(value HTTP_X_USER)" "'alice'"
}

@test "the Proxy field never becomes HTTP_PROXY" {
  serve environ:app
  ask "GET / HTTP/1.1" "Host: a" "Proxy: http://evil.example" "pROXY: http://evil.example" \
    "Proxy-Other: yes"
  equal "$(value HTTP_PROXY_OTHER)" "'yes'"
  [[ $output != *evil* ]]
}

@test "repeated fields are joined in order with commas, cookies with semicolons" {
  serve environ:app
  ask "GET / HTTP/1.1" "Host: a" "X-List: 1" "Cookie: a=1" "x-list: 2, 3" "cookie: b=2" \
    "X-LIST: 4" "Cookie: c=3; d=4"
  equal "$(value HTTP_X_LIST)" "'1, 2, 3, 4'"
  equal "$(value HTTP_COOKIE)" "'a=1; b=2; c=3; d=4'"
}

@test "bytes of field values are Latin-1 characters" {
  serve environ:app
  ask "GET / HTTP/1.1" "Host: a" 'X-Name: caf\xe9 \xc3\xa9' 'X-Name: \xff'
  equal "$(value HTTP_X_NAME)" "'café Ã©, ÿ'"
}

@test "the host of an absolute-form target wins over Host" {
  serve environ:app
  ask "GET http://right.example:81/a/b?c HTTP/1.1" "Host: wrong.example"
  equal "$(value HTTP_HOST)" "'right.example:81'"
  equal "$(value PATH_INFO)" "'/a/b'"
  equal "$(value QUERY_STRING)" "'c'"
  equal "$(value REQUEST_URI)" "'http://right.example:81/a/b?c'"
  equal "$(value RAW_URI)" "'http://right.example:81/a/b?c'"
  [[ $output != *wrong.example* ]]
}

@test "an absolute-form target without a path asks for the root" {
  serve environ:app
  ask "GET http://right.example HTTP/1.1" "Host: right.example"
  equal "$(value PATH_INFO)" "'/'"
  ask "GET http://right.example?q HTTP/1.1" "Host: right.example"
  equal "$(value PATH_INFO) $(value QUERY_STRING)" "'/' 'q'"
}

@test "variables of the process's environment do not get into the environ" {
  export HTTP_X_FOREIGN=yes FOREIGN=yes
  serve environ:app
  ask "GET / HTTP/1.0"
  has_key wsgi.input
  [[ $output != *FOREIGN* ]]
}
