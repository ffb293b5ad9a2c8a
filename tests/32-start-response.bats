#!/usr/bin/env bats
# ways: both
# lasts: 25 s

load helpers

# refused START RETURN WORD...: the app that calls start_response with START and returns RETURN is
# answered 500, nothing of the matter reaches the client, and a line of the log has all the words.
refused() {
  local answer word line
  : >"$LOG"
  answer=$(http /target -H "Start: $1" -H "Return: $2" --write-out ' %{http_code} %{content_type}')
  equal "$answer" $'500 Internal Server Error\n 500 text/plain; charset=utf-8' || return
  equal "$(exit_status)" 0 || return
  shift 2
  grep -qF "GET /target" "$LOG" || { echo "the log does not name the request"; return 1; }
  # The traceback shows the app's source, but the values are in the message only.
  line=$(grep -E '^[A-Za-z]+Error: ' "$LOG")
  for word; do
    contains "$line" "$word" || return
  done
}

# refused_status STATUS, refused_header HEADER: Python expressions; the message shows their values.
refused_status() {
  refused "$1, []" "[b'the answer']" status "${2-$1}"
}

refused_header() {
  refused "'200 OK', [('X-Good', 'yes'), $1]" "[b'the answer']" "${2-$1}"
}

# is_cut_off TARGET: the answer has begun, and its framing shows that it is not whole.
is_cut_off() {
  local status=0
  http "$1" --output "$BATS_TEST_TMPDIR/answer" || status=$?
  # curl: 18 is a part of a file, 56 a failure in receiving
  [[ $status == 18 || $status == 56 ]] || { echo "curl ended with $status"; return 1; }
  equal "$(exit_status)" 0
}

@test "status and headers are sent as given, in order" {
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

@test "header values are Latin-1 characters, each a byte" {
  serve responds:app
  http / --include -H "Start: '200 OK', [('X-Name', 'caf\\xe9')]" |
    LC_ALL=C grep -aq $'^X-Name: caf\xe9\r$'
}

@test "status and headers may be given by keyword" {
  serve start_keywords:app
  run -0 http / --include
  [[ $output == $'HTTP/1.1 201 Created\r\nX-Own: 1\r\n'* ]]
  contains "$output" "the answer"
}

@test "exc_info before the head replaces status and headers" {
  serve exc_info:before_the_head
  run -0 http / --include
  [[ $output == $'HTTP/1.1 503 Sorry\r\n'* ]]
  contains "$output" $'\r\nX-Second: 2\r\n'
  contains "$output" "sorry"
  [[ $output != *X-First* && $output != *text/plain* ]]
  equal "$(exit_status)" 0
  not_logged Traceback
}

@test "exc_info before the first content of a generator replaces them as well" {
  serve exc_info:in_the_iterable
  run -0 http / --include
  [[ $output == $'HTTP/1.1 503 Sorry\r\nContent-Length: 5\r\n'* ]]
  [[ $output == *$'\r\n\r\nsorry' && $output != *1000* ]]
}

@test "exc_info after the head raises it again and cuts the answer off" {
  serve exc_info:after_the_head
  is_cut_off /
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "the beginning"
  logged "the same exception: True"
  logged "ValueError: a problem of the app"
  equal "$(grep -c "Traceback" "$LOG")" 1
}

@test "exc_info may come with the first call" {
  serve exc_info:as_first_call
  equal "$(http / --write-out ' %{http_code}')" "sorry 503"
}

@test "exc_info that is none, or no triple, is refused" {
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

@test "a second call without exc_info changes nothing for the app that catches the error" {
  serve second_start:goes_on
  run -0 http / --include
  [[ $output == $'HTTP/1.1 200 OK\r\n'*$'\r\n\r\n'*"the answer" && $output != *X-Second* ]]
  logged "the app got AssertionError"
}

@test "a second call after the head cuts the answer off" {
  serve second_start:after_the_head
  is_cut_off /
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" "the beginning"
  logged "exc_info"
}

@test "a generator may call start_response when it is asked for content" {
  serve starts_late:app
  equal "$(http / --write-out ' %{http_code}')" "the answer 201"
  serve starts_late:second
  equal "$(http / --write-out ' %{http_code}')" "the answer 201"
}

@test "write() sends content, before and between what the iterable yields" {
  serve writes:only
  equal "$(http /)" "one two"
  serve writes:before
  equal "$(http /)" "one two three four"
  serve writes:mixed
  equal "$(http /)" "one two three four five"
  equal "$(http / --http1.0)" "one two three four five"
}

@test "write() sends at once" {
  mkfifo "$FIFOS/written"
  serve writes:waits
  run -0 talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect "one " meet "$FIFOS/written" read
  contains "$output" "two"
}

@test "write() takes bytes only" {
  serve writes:text
  equal "$(http / --write-out '%{http_code}')" $'500 Internal Server Error\n500'
  equal "$(grep '^TypeError: ' "$LOG" | grep bytes | grep -c str)" 1
}

@test "write() beyond the Content-Length sends no more" {
  serve writes:too_much
  run -0 talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' read
  [[ $output == *$'\r\n\r\n12345' ]]
  logged "Content-Length"
  equal "$(exit_status)" 0
}

@test "write() in close() comes too late" {
  serve writes:late
  equal "$(http /)" "the answer"
  logged "the app got ValueError"
}

@test "a status that is none is refused" {
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

@test "a status that is not final is refused" {
  serve responds:app
  refused_status "'100 Continue'"
  refused_status "'101 Switching Protocols'"
  refused_status "'099 Too low'"
}

@test "a status with control characters or beyond Latin-1 is refused" {
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

@test "a header beyond Latin-1 is refused" {
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

@test "a list that is shorter than its Content-Length is refused" {
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

@test "text after the first bytes of a list cuts the answer off or is refused" {
  serve responds:app
  run http / -H "Return: [b'the ', 'answer']"
  [[ $output != *answer* ]]
  logged "TypeError"
  equal "$(exit_status)" 0
}

@test "the items of an iterable are sent whatever iterable it is" {
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

@test "an app that returns no iterable is refused" {
  serve responds:app
  refused "'200 OK', []" 42 int
}

@test "an app that returns a coroutine is refused, and the log says what it is" {
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

@test "arguments that are missing are refused" {
  serve responds:app
  refused "('200 OK',)" "[b'']" start_response
  refused "()" "[b'']" start_response
}
