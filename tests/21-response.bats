#!/usr/bin/env bats
# ways: both

load helpers

GET='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
OLD_GET='GET / HTTP/1.0\r\n\r\n'
HEAD='HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'

# exchange STEP...: runs talk and sets $head (all lines with their line ends), $content (to the
# byte), and $ending, the exit status of talk.
exchange() {
  local answer
  # The mark after the output keeps the newlines that $() would strip.
  answer=$(ending=0; talk "$@" || ending=$?; echo "|$ending")
  ending=${answer##*|}
  answer=${answer%|*}
  head=${answer%%$'\r\n\r\n'*}$'\r\n'
  content=${answer#*$'\r\n\r\n'}
}

# field NAME: prints the value of a field of $head, one line for each occurrence.
field() {
  sed -n "s/^$1: \(.*\)\r\$/\1/Ip" <<<"$head"
}

# Checks the fields of every answer, from the app or from the server itself.
has_server_fields() {
  equal "$(field Connection)" close
  equal "$(field Server | wc -l)" 1
  local day='(Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
  local month='(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
  local time='[0-2][0-9]:[0-5][0-9]:[0-6][0-9]'
  [[ $(field Date) =~ ^$day,\ [0-3][0-9]\ $month\ [0-9]{4}\ $time\ GMT$ ]]
}

@test "an answer has Date, Server and Connection: close" {
  serve hello:app
  local before after
  before=$(date +%s)
  exchange send "$GET" read
  after=$(date +%s)
  has_server_fields
  local date
  date=$(date --date "$(field Date)" +%s)
  ((before <= date && date <= after))
  # date(1) ignores a wrong day of the week.
  equal "$(field Date)" "$(LC_ALL=C date --utc --date "@$date" '+%a, %d %b %Y %H:%M:%S GMT')"
}

@test "the server's own answers have the same fields, and a Content-Length" {
  serve --mount=/app --max-content=10 raises:app
  local fields requests=(
    "400 GET /app HTTP/1.1\r\n\r\n"
    "404 GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    "413 GET /app HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"
    "417 GET /app HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n"
    "431 GET /app HTTP/1.1\r\nHost: a\r\n$(printf 'A:\\r\\n%.0s' {1..100})\r\n"
    "500 GET /app HTTP/1.1\r\nHost: a\r\n\r\n"
    "501 CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"
    "505 GET /app HTTP/2.0\r\nHost: a\r\n\r\n"
    "200 OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
  )
  for request in "${requests[@]}"; do
    exchange send "${request#* }" read
    equal "${head:0:13}" "HTTP/1.1 ${request%% *} "
    has_server_fields
    equal "$(field Content-Length)" "${#content}"
    equal "$(field Transfer-Encoding)" ""
    equal "$ending" 0
  done
}

@test "if the app cannot be loaded, the answer has the same fields" {
  serve no_such_module:app
  exchange send "$GET" read
  equal "${head:0:13}" "HTTP/1.1 500 "
  has_server_fields
  equal "$(field Content-Length)" "${#content}"
}

@test "Date and Server of the app are not duplicated" {
  serve own_fields:app
  exchange send "$GET" read
  equal "$(field Date)" "Sun, 06 Nov 1994 08:49:37 GMT"
  equal "$(field Server)" "mine/1.0"
}

@test "the answer to HEAD has the fields of GET and no content" {
  serve hello:app
  exchange send "$GET" read
  local fields
  fields=$(grep -v '^Date: ' <<<"$head")
  equal "$content" $'Hello.\n'
  exchange send "$HEAD" read
  equal "$(grep -v '^Date: ' <<<"$head")" "$fields"
  equal "$(field Content-Length)" 7
  equal "$content" ""
  equal "$ending" 0
}

@test "the answer to HEAD has no Content-Length if the length is unknown" {
  serve yields:app
  exchange send "$HEAD" read
  equal "${head%%$'\r\n'*}" "HTTP/1.1 200 OK"
  equal "$(field Content-Type)" text/plain
  equal "$(field Content-Length)" ""
  equal "$content" ""
  equal "$ending" 0
}

@test "an error answer to HEAD has no content" {
  serve hello:app
  exchange send 'HEAD / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n' read
  equal "${head:0:13}" "HTTP/1.1 417 "
  equal "$content" ""
}

@test "204 has neither content nor Content-Length" {
  serve no_content:no_content
  exchange send "$GET" read
  equal "${head%%$'\r\n'*}" "HTTP/1.1 204 No Content"
  equal "$(field Content-Length)$(field Transfer-Encoding)" ""
  equal "$content" ""
  equal "$ending" 0
}

@test "304 has no content, and no Content-Length unless the app sets one" {
  serve no_content:not_modified
  exchange send "$GET" read
  equal "${head%%$'\r\n'*}" "HTTP/1.1 304 Not Modified"
  equal "$(field ETag)" '"a"'
  equal "$(field Content-Length)$(field Transfer-Encoding)" ""
  equal "$content" ""
  equal "$ending" 0
}

@test "205 declares empty content" {
  serve no_content:reset_content
  exchange send "$GET" read
  equal "$(field Content-Length)" 0
  equal "$content" ""
}

@test "an answer of unknown length is chunked, and an empty item does not end it" {
  serve yields:app
  exchange send "$GET" read
  equal "$(field Transfer-Encoding)" chunked
  equal "$(field Content-Length)" ""
  equal "$content" $'3\r\none\r\n6\r\nthree\n\r\n0\r\n\r\n'
  equal "$ending" 0
  equal "$(http /)" "onethree"
}

@test "an answer of unknown length to HTTP/1.0 ends when the connection closes" {
  serve yields:app
  exchange send "$OLD_GET" read
  equal "$(field Transfer-Encoding)$(field Content-Length)" ""
  equal "$content" $'onethree\n'
  equal "$ending" 0
  equal "$(http / --http1.0)" "onethree"
}

@test "content returned as a single item gets a Content-Length" {
  for app in items:app items:in_tuple; do
    serve "$app"
    for request in "$GET" "$OLD_GET"; do
      exchange send "$request" read
      equal "$(field Content-Length)" 9
      equal "$(field Transfer-Encoding)" ""
      equal "$content" $'onethree\n'
    done
  done
  serve items:none
  exchange send "$GET" read
  equal "$(field Content-Length)" 0
  equal "$content" ""
}

@test "after an exception midway, the last chunk is missing" {
  serve breaks:by_exception
  exchange send "$GET" read
  equal "$(field Transfer-Encoding)" chunked
  equal "$content" $'d\r\nthe beginning\r\n'
  run -18 http /
  logged "RuntimeError: the app broke"
}

@test "after an exception midway, less than the Content-Length is sent" {
  serve breaks:with_length
  exchange send "$GET" read
  equal "$(field Content-Length)" 100
  equal "$content" "the beginning"
  run -18 http /
}

@test "after an exception midway, an HTTP/1.0 connection is reset" {
  serve breaks:by_exception
  exchange send "$OLD_GET" read
  equal "$content" "the beginning"
  equal "$ending" 3
  run -56 http / --http1.0
}

@test "an HTTP/1.0 connection is reset whether or not the client sends more" {
  serve breaks:by_exception
  for more in 'Content-Length: 5\r\n\r\nhello' 'Content-Length: 5\r\n\r\nhel' '\r\n'; do
    exchange send "POST / HTTP/1.0\r\n$more" end read
    equal "$content" "the beginning"
    equal "$ending" 3
  done
}

@test "an answer shorter than its Content-Length is cut off" {
  serve breaks:too_short
  for request in "$GET" "$OLD_GET"; do
    exchange send "$request" read
    equal "$(field Content-Length)" 100
    equal "$content" "the beginning"
  done
  run -18 http /
  logged "Content-Length"
}

@test "an answer longer than its Content-Length is truncated to it" {
  serve breaks:too_long
  for request in "$GET" "$OLD_GET"; do
    exchange send "$request" read
    equal "$(field Content-Length)" 20
    equal "$content" "the beginning and mo"
    equal "$ending" 0
  done
  logged "at least 21 bytes longer than its Content-Length of 20"
}

@test "a list shorter than its Content-Length is not sent at all" {
  serve breaks:wrong_list
  equal "$(status /)" 500
  logged "Content-Length"
}

@test "each item is sent when it is yielded" {
  mkfifo "$FIFOS/pause"
  serve pauses:app
  exchange send "$GET" expect '3\r\none\r\n' nothing meet "$FIFOS/pause" read
  equal "$content" $'3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'
  equal "$ending" 0
  exchange send "$OLD_GET" expect '\r\n\r\none' nothing meet "$FIFOS/pause" read
  equal "$content" "onetwo"
  equal "$ending" 0
}
