#!/usr/bin/env bats
# ways: all

# What is said of a request: its ID.

load helpers

# The name of the peers that a test comes from, for --trusted-proxy.
peer() {
  case $FAMILY in
    unix) echo unix ;;
    tcp) echo 127.0.0.0/8 ;;
    tcp6) echo ::1 ;;
  esac
}

# ---- the ID of a request ----

TRACE=4bf92f3577b34da6a3ce929d0e0e4736

# id [CURL-ARGUMENT]...: what the app is told, as by repr().
id() {
  get_environ HTTP_X_REQUEST_ID / "$@"
}

@test "a request has a new ID of 128 random bits" {
  serve environ:app
  local first second
  first=$(id)
  second=$(id)
  [[ $first =~ ^\'[0-9a-f]{32}\'$ && $second =~ ^\'[0-9a-f]{32}\'$ ]]
  [[ $first != "$second" ]]
}

@test "an ID that came with the request is replaced when nobody vouches for it" {
  local option
  for option in --spare=2 --trusted-proxy=192.0.2.1 --trusted-proxy=2001:db8::/32; do
    serve "$option" environ:app
    [[ $(id --header "X-Request-ID: mine") =~ ^\'[0-9a-f]{32}\'$ ]]
    [[ $(id --header "traceparent: 00-$TRACE-00f067aa0ba902b7-01") =~ ^\'[0-9a-f]{32}\'$ ]]
    [[ $(id --header "traceparent: 00-$TRACE-00f067aa0ba902b7-01") != "'$TRACE'" ]]
  done
}

@test "the ID that a trusted proxy has sent is kept" {
  # Of several options all count.
  serve --trusted-proxy="$(peer)" --trusted-proxy=192.0.2.1 environ:app
  equal "$(id --header "X-Request-ID: the/Proxy's" | grep -cx "'[0-9a-f]*'")" 1
  equal "$(id --header "X-Request-ID: aZ09._~+/=:@-")" "'aZ09._~+/=:@-'"
  equal "$(id --header "traceparent: 00-$TRACE-00f067aa0ba902b7-01")" "'$TRACE'"
}

@test "other fields than X-Request-ID cannot set it" {
  serve environ:app
  [[ $(id --header "X_Request_ID: mine") =~ ^\'[0-9a-f]{32}\'$ ]]
}
