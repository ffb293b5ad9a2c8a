#!/usr/bin/env bats
# ways: both
# lasts: 25 s

load helpers

# refused START RETURN WORD...: an app that calls start_response with START and returns RETURN is
# answered 500, the client learns no details, and one line of the log contains all the words.
refused() {
  local answer word line
  : >"$LOG"
  answer=$(http /target -H "Start: $1" -H "Return: $2" --write-out ' %{http_code} %{content_type}')
  equal "$answer" $'500 Internal Server Error\n 500 text/plain; charset=utf-8' || return
  equal "$(exit_status)" 0 || return
  shift 2
  grep -qF "GET /target" "$LOG" || { echo "the log does not name the request"; return 1; }
  # The traceback shows the app's source, but only the message contains the values.
  line=$(grep -E '^[A-Za-z]+Error: ' "$LOG")
  for word; do
    contains "$line" "$word" || return
  done
}

# refused_status STATUS, refused_header HEADER: take Python expressions; the message shows their
# values.
refused_status() {
  refused "$1, []" "[b'the answer']" status "${2-$1}"
}

refused_header() {
  refused "'200 OK', [('X-Good', 'yes'), $1]" "[b'the answer']" "${2-$1}"
}

# is_cut_off TARGET: the answer has begun, and its framing shows that it is incomplete.
is_cut_off() {
  local status=0
  http "$1" --output "$BATS_TEST_TMPDIR/answer" || status=$?
  # curl: 18 is a partial file, 56 a failure in receiving.
  [[ $status == 18 || $status == 56 ]] || { echo "curl ended with $status"; return 1; }
  equal "$(exit_status)" 0
}

@test "status and headers are sent as given and in order" {
  serve responds:app
  run -0 http / --include -H "Start: '299 Very  Own', [('X-b', '2'), ('x-A', '1'), ('X-b', '3')]"
  [[ $output == $'HTTP/1.1 299 Very  Own\r\nX-b: 2\r\nx-A: 1\r\nX-b: 3\r\n'* ]]
  contains "$output" $'\r\n\r\nthe answer'
}

@test "the reason phrase may be empty" {
  serve responds:app
  run -0 http / --include -H "Start: '200 ', []"
  [[ $output == $'HTTP/1.1 200 \r\n'* ]]
}

@test "header values are Latin-1 strings, one byte for each character" {
  serve responds:app
  http / --include -H "Start: '200 OK', [('X-Name', 'caf\\xe9')]" |
    LC_ALL=C grep -aq $'^X-Name: caf\xe9\r$'
}

@test "status and headers can be given by keyword" {
  serve start_keywords:app
  run -0 http / --include
  [[ $output == $'HTTP/1.1 201 Created\r\nX-Own: 1\r\n'* ]]
  contains "$output" "the answer"
}

@test "exc_info before the head is sent replaces status and headers" {
  serve exc_info:before_the_head
  run -0 http / --include
  [[ $output == $'HTTP/1.1 503 Sorry\r\n'* ]]
  contains "$output" $'\r\nX-Second: 2\r\n'
  contains "$output" "sorry"
  [[ $output != *X-First* && $output != *text/plain* ]]
  equal "$(exit_status)" 0
  not_logged Traceback
}

@test "exc_info before the first content of a generator replaces status and headers" {
  serve exc_info:in_the_iterable
  run -0 http / --include
  [[ $output == $'HTTP/1.1 503 Sorry\r\nContent-Length: 5\r\n'* ]]
  [[ $output == *$'\r\n\r\nsorry' && $output != *1000* ]]
}

@test "exc_info after the head is raised again, and the answer is cut off" {
  serve exc_info:after_the_head
  is_cut_off /
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "the beginning"
  logged "the same exception: True"
  logged "ValueError: a problem of the app"
  equal "$(grep -c "Traceback" "$LOG")" 1
}

@test "exc_info is allowed in the first call" {
  serve exc_info:as_first_call
  equal "$(http / --write-out ' %{http_code}')" "sorry 503"
}

@test "an invalid exc_info is refused" {
  serve responds:app
  refused "'200 OK', [], 'text'" "[b'']" exc_info
  refused "'200 OK', [], (1, 2, 3)" "[b'']" exc_info
}

@test "a second call without exc_info is an error" {
  serve second_start:fails
  equal "$(http / --write-out '%{http_code}')" $'500 Internal Server Error\n500'
  logged "start_response"
  logged "exc_info"
  equal "$(exit_status)" 0
}

@test "a second call without exc_info has no effect if the app catches the error" {
  serve second_start:goes_on
  run -0 http / --include
  [[ $output == $'HTTP/1.1 200 OK\r\n'*$'\r\n\r\n'*"the answer" && $output != *X-Second* ]]
  logged "the app got AssertionError"
}

@test "a second call after the head is sent cuts the answer off" {
  serve second_start:after_the_head
  is_cut_off /
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "the beginning"
  logged "exc_info"
}

@test "a generator can call start_response when its content is requested" {
  serve starts_late:app
  equal "$(http / --write-out ' %{http_code}')" "the answer 201"
  serve starts_late:second
  equal "$(http / --write-out ' %{http_code}')" "the answer 201"
}

@test "write() sends content before and between the items of the iterable" {
  serve writes:only
  equal "$(http /)" "one two"
  serve writes:before
  equal "$(http /)" "one two three four"
  serve writes:mixed
  equal "$(http /)" "one two three four five"
  equal "$(http / --http1.0)" "one two three four five"
}

@test "write() sends immediately" {
  mkfifo "$FIFOS/written"
  serve writes:waits
  run -0 talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect "one " meet "$FIFOS/written" read
  contains "$output" "two"
}

@test "write() accepts only bytes" {
  serve writes:text
  equal "$(http / --write-out '%{http_code}')" $'500 Internal Server Error\n500'
  equal "$(grep '^TypeError: ' "$LOG" | grep bytes | grep -c str)" 1
}

@test "write() does not send beyond the Content-Length" {
  serve writes:too_much
  run -0 talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' read
  [[ $output == *$'\r\n\r\n12345' ]]
  logged "Content-Length"
  equal "$(exit_status)" 0
}

@test "write() in close() is too late" {
  serve writes:late
  equal "$(http /)" "the answer"
  logged "the app got ValueError"
}

@test "a status that is no string is refused" {
  serve responds:app
  refused "200, []" "[b'']" status str int
  refused "None, []" "[b'']" status str NoneType
  refused "b'200 OK', []" "[b'']" status str bytes
}

@test "a malformed status is refused" {
  serve responds:app
  refused_status "'200'"
  refused_status "'abc'"
  refused_status "''"
  refused_status "'2000 OK'"
  refused_status "' 200 OK'"
}

@test "an informational status is refused" {
  serve responds:app
  refused_status "'100 Continue'"
  refused_status "'101 Switching Protocols'"
  refused_status "'099 Too low'"
}

@test "a status with control characters or characters beyond Latin-1 is refused" {
  serve responds:app
  refused_status "'200 OK\\r\\nX-Evil: 1'"
  refused_status "'200 OK\\n'"
  refused_status "'200 O\\x00K'"
  refused_status "'200 O\\u20acK'" "'200 O€K'"
}

@test "headers that are no list are refused" {
  serve responds:app
  refused "'200 OK', (('A', 'b'),)" "[b'']" headers list tuple
  refused "'200 OK', {'A': 'b'}" "[b'']" headers list dict
  refused "'200 OK', None" "[b'']" headers list NoneType
}

@test "a header that is no pair of strings is refused" {
  serve responds:app
  refused_header "['A', 'b']"
  refused_header "('A',)"
  refused_header "('A', 'b', 'c')"
  refused_header "'A: b'"
  refused "'200 OK', [('A', 7)]" "[b'']" value str int
  refused "'200 OK', [(b'A', 'b')]" "[b'']" name str bytes
  refused "'200 OK', [('A', None)]" "[b'']" value str NoneType
}

@test "a header name that is no token is refused" {
  serve responds:app
  refused_header "('', 'b')"
  refused_header "('A b', 'b')"
  refused_header "('A:', 'b')"
  refused_header "('A\\r\\nX-Evil', 'b')"
  refused_header "('\\xc4', 'b')" "('Ä', 'b')"
}

@test "a header value with control characters is refused" {
  serve responds:app
  refused_header "('A', 'b\\r\\nX-Evil: 1')"
  refused_header "('A', 'b\\n c')"
  refused_header "('A', 'b\\r')"
  refused_header "('A', 'b\\x00')"
  refused_header "('A', 'b\\x7f')"
}

@test "a header with characters beyond Latin-1 is refused" {
  serve responds:app
  refused "'200 OK', [('A', '\\u20ac')]" "[b'']" value Latin-1 "€"
  refused "'200 OK', [('\\u20ac', 'b')]" "[b'']" name Latin-1 "€"
}

@test "hop-by-hop headers are refused" {
  serve responds:app
  local name
  for name in Connection keep-alive Proxy-Authenticate Proxy-Authorization TE Trailer \
    TRANSFER-ENCODING Upgrade; do
    refused_header "('$name', 'b')"
  done
  contains "$(grep '^ValueError' "$LOG")" hop-by-hop
}

@test "a Content-Length that is no single number is refused" {
  serve responds:app
  refused_header "('Content-Length', 'ten')"
  refused_header "('Content-Length', '-1')"
  refused_header "('Content-Length', '')"
  refused_header "('content-length', '10'), ('Content-Length', '10')" Content-Length
  refused_header "('Content-Length', '10'), ('Content-Length', '11')" Content-Length
}

@test "a list shorter than its Content-Length is refused" {
  serve responds:app
  refused "'200 OK', [('Content-Length', '11')]" "[b'the ', b'answer']" Content-Length 10 11
  refused "'200 OK', [('Content-Length', '1')]" "[]" Content-Length
}

@test "a generator that yields less than its Content-Length is cut off" {
  serve breaks:too_short
  is_cut_off /
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "the beginning"
  logged "Content-Length"
}

@test "text instead of bytes is refused" {
  serve responds:app
  refused "'200 OK', []" "['the answer']" bytes str
  refused "'200 OK', []" "'the answer'" bytes str
  refused "'200 OK', []" "iter(['the answer'])" bytes str
  refused "'200 OK', []" "[7]" bytes int
  refused "'200 OK', []" "[None]" bytes NoneType
  refused "'200 OK', []" "[bytearray(b'x')]" bytes bytearray
}

@test "text after the first bytes of a list is refused or cuts the answer off" {
  serve responds:app
  run http / -H "Return: [b'the ', 'answer']"
  [[ $output != *answer* ]]
  logged "TypeError"
  equal "$(exit_status)" 0
}

@test "any type of iterable can be returned" {
  serve responds:app
  equal "$(http / -H "Return: (b'the ', b'answer')")" "the answer"
  equal "$(http / -H "Return: iter([b'the ', b'answer'])")" "the answer"
  equal "$(http / -H "Return: {b'the answer': 1}")" "the answer"
  equal "$(http / -H "Return: type('L', (list,), {})([b'the ', b'answer'])")" "the answer"
}

@test "an app that returns None is refused" {
  serve responds:app
  refused "'200 OK', []" None NoneType
}

@test "an app that returns a non-iterable is refused" {
  serve responds:app
  refused "'200 OK', []" 42 int
}

@test "an app that returns a coroutine is refused, and the log explains it" {
  serve asgi:app
  equal "$(http / --write-out '%{http_code}')" $'500 Internal Server Error\n500'
  logged coroutine
  logged ASGI
  equal "$(exit_status)" 0
}

@test "an app that never calls start_response is refused" {
  local app
  for app in never empty too_late; do
    : >"$LOG"
    serve "no_start:$app"
    equal "$(http / --write-out '%{http_code}')" $'500 Internal Server Error\n500'
    logged "start_response was not called"
  done
}

@test "missing arguments are refused" {
  serve responds:app
  refused "('200 OK',)" "[b'']" start_response
  refused "()" "[b'']" start_response
}
