#!/usr/bin/env bats
# ways: both

load helpers

GET='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
OLD_GET='GET / HTTP/1.0\r\n\r\n'
HEAD='HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'

# ask STEP...: talks, and leaves $head (all lines with their ends), $content (to the byte), and
# $ending, the exit status of talk.
ask() {
  local answer
  # The mark behind it keeps the newlines that $() would strip.
  answer=$(ending=0; talk "$@" || ending=$?; echo "|$ending")
  ending=${answer##*|}
  answer=${answer%|*}
  head=${answer%%$'\r\n\r\n'*}$'\r\n'
  content=${answer#*$'\r\n\r\n'}
}

# field NAME: the value of a field of $head; a line for each time it is there.
field() {
  sed -n "s/^$1: \(.*\)\r\$/\1/Ip" <<<"$head"
}

# What every answer carries, whoever gives it.
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
  ask send "$GET" read
  after=$(date +%s)
  has_server_fields
  local date
  date=$(date --date "$(field Date)" +%s)
  ((before <= date && date <= after))
  # date(1) ignores a wrong name of the day.
  equal "$(field Date)" "$(LC_ALL=C date --utc --date "@$date" '+%a, %d %b %Y %H:%M:%S GMT')"
}

@test "the server's own answers have them too, and their length" {
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
    ask send "${request#* }" read
    equal "${head:0:13}" "HTTP/1.1 ${request%% *} "
    has_server_fields
    equal "$(field Content-Length)" "${#content}"
    equal "$(field Transfer-Encoding)" ""
    equal "$ending" 0
  done
}

@test "an app that cannot be loaded is answered for with the same fields" {
  serve no_such_module:app
  ask send "$GET" read
  equal "${head:0:13}" "HTTP/1.1 500 "
  has_server_fields
  equal "$(field Content-Length)" "${#content}"
}

@test "a Date and a Server of the app are not doubled" {
  serve own_fields:app
  ask send "$GET" read
  equal "$(field Date)" "Sun, 06 Nov 1994 08:49:37 GMT"
  equal "$(field Server)" "mine/1.0"
}

@test "HEAD has the fields of GET and no content" {
  serve hello:app
  ask send "$GET" read
  local fields
  fields=$(grep -v '^Date: ' <<<"$head")
  equal "$content" $'Hello.\n'
  ask send "$HEAD" read
  equal "$(grep -v '^Date: ' <<<"$head")" "$fields"
  equal "$(field Content-Length)" 7
  equal "$content" ""
  equal "$ending" 0
}

@test "HEAD of an answer of unknown length claims none" {
  serve yields:app
  ask send "$HEAD" read
  equal "${head%%$'\r\n'*}" "HTTP/1.1 200 OK"
  equal "$(field Content-Type)" text/plain
  equal "$(field Content-Length)" ""
  equal "$content" ""
  equal "$ending" 0
}

@test "HEAD of an error of the server has no content either" {
  serve hello:app
  ask send 'HEAD / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n' read
  equal "${head:0:13}" "HTTP/1.1 417 "
  equal "$content" ""
}

@test "204 has neither content nor a length" {
  serve no_content:no_content
  ask send "$GET" read
  equal "${head%%$'\r\n'*}" "HTTP/1.1 204 No Content"
  equal "$(field Content-Length)$(field Transfer-Encoding)" ""
  equal "$content" ""
  equal "$ending" 0
}

@test "304 has no content, and no length that nobody gave" {
  serve no_content:not_modified
  ask send "$GET" read
  equal "${head%%$'\r\n'*}" "HTTP/1.1 304 Not Modified"
  equal "$(field ETag)" '"a"'
  equal "$(field Content-Length)$(field Transfer-Encoding)" ""
  equal "$content" ""
  equal "$ending" 0
}

@test "205 says that its content is empty" {
  serve no_content:reset_content
  ask send "$GET" read
  equal "$(field Content-Length)" 0
  equal "$content" ""
}

@test "an answer of unknown length is chunked, and an empty item does not end it" {
  serve yields:app
  ask send "$GET" read
  equal "$(field Transfer-Encoding)" chunked
  equal "$(field Content-Length)" ""
  equal "$content" $'3\r\none\r\n6\r\nthree\n\r\n0\r\n\r\n'
  equal "$ending" 0
  equal "$(http /)" "onethree"
}

@test "an answer of unknown length to HTTP/1.0 ends with the connection" {
  serve yields:app
  ask send "$OLD_GET" read
  equal "$(field Transfer-Encoding)$(field Content-Length)" ""
  equal "$content" $'onethree\n'
  equal "$ending" 0
  equal "$(http / --http1.0)" "onethree"
}

@test "what is returned in one go has a Content-Length" {
  for app in items:app items:in_tuple; do
    serve "$app"
    for request in "$GET" "$OLD_GET"; do
      ask send "$request" read
      equal "$(field Content-Length)" 9
      equal "$(field Transfer-Encoding)" ""
      equal "$content" $'onethree\n'
    done
  done
  serve items:none
  ask send "$GET" read
  equal "$(field Content-Length)" 0
  equal "$content" ""
}

@test "an exception midway leaves the chunks without the last one" {
  serve breaks:by_exception
  ask send "$GET" read
  equal "$(field Transfer-Encoding)" chunked
  equal "$content" $'d\r\nthe beginning\r\n'
  run -18 http /
  logged "RuntimeError: the app broke"
}

@test "an exception midway leaves less than the Content-Length" {
  serve breaks:with_length
  ask send "$GET" read
  equal "$(field Content-Length)" 100
  equal "$content" "the beginning"
  run -18 http /
}

@test "an exception midway ends an answer to HTTP/1.0 with a reset" {
  serve breaks:by_exception
  ask send "$OLD_GET" read
  equal "$content" "the beginning"
  equal "$ending" 3
  run -56 http / --http1.0
}

@test "the reset to HTTP/1.0 comes whether or not the client has more to send" {
  serve breaks:by_exception
  for more in 'Content-Length: 5\r\n\r\nhello' 'Content-Length: 5\r\n\r\nhel' '\r\n'; do
    ask send "POST / HTTP/1.0\r\n$more" end read
    equal "$content" "the beginning"
    equal "$ending" 3
  done
}

@test "an answer shorter than its Content-Length is cut off" {
  serve breaks:too_short
  for request in "$GET" "$OLD_GET"; do
    ask send "$request" read
    equal "$(field Content-Length)" 100
    equal "$content" "the beginning"
  done
  run -18 http /
  logged "Content-Length"
}

@test "of an answer longer than its Content-Length, as much is sent as that says" {
  serve breaks:too_long
  for request in "$GET" "$OLD_GET"; do
    ask send "$request" read
    equal "$(field Content-Length)" 20
    equal "$content" "the beginning and mo"
    equal "$ending" 0
  done
  logged "at least 21 bytes longer than its Content-Length of 20"
}

@test "a list that is shorter than its Content-Length is not sent at all" {
  serve breaks:wrong_list
  equal "$(status /)" 500
  logged "Content-Length"
}

@test "each item is sent when it is yielded" {
  mkfifo "$FIFOS/pause"
  serve pauses:app
  ask send "$GET" expect '3\r\none\r\n' nothing meet "$FIFOS/pause" read
  equal "$content" $'3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'
  equal "$ending" 0
  ask send "$OLD_GET" expect '\r\n\r\none' nothing meet "$FIFOS/pause" read
  equal "$content" "onetwo"
  equal "$ending" 0
}
