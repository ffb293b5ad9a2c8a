#!/usr/bin/env bats
# ways: one

load helpers

# letters N: prints N letters.
letters() {
  printf '%*s' "$1" '' | tr ' ' a
}

# answered STATUS REQUEST
answered() {
  run -0 talk send "$2" read
  equal "${output:0:13}" "HTTP/1.1 $1 "
  equal "$(exit_status)" 0
}

# Prints a request with a request line of N bytes, not counting its CRLF.
with_line() {
  printf '%s' "GET /$(letters $(($1 - 14))) HTTP/1.1\r\nHost: a\r\n\r\n"
}

# Prints a request with a field section of N bytes, including each CRLF and the final empty line.
with_section() {
  printf '%s' "GET / HTTP/1.1\r\nHost: a\r\nX: $(letters $(($1 - 16)))\r\n\r\n"
}

# Prints a request with N field lines.
with_fields() {
  printf '%s' "GET / HTTP/1.1\r\nHost: a\r\n$(printf 'X:\\r\\n%.0s' $(seq 2 "$1"))\r\n"
}

# Prints a head that announces N bytes of content; the content does not follow.
with_content_length() {
  printf '%s' "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: $1\r\n\r\n"
}

# Prints a request with this chunked content, given in wire format.
with_chunks() {
  printf '%s' "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n$1"
}

@test "--max-request-line: a longer request line is answered 414" {
  serve --max-request-line=100 hello:app
  answered 200 "$(with_line 100)"
  equal "$(cat "$LOG")" ""
  answered 414 "$(with_line 101)"
  logged "request line"
}

@test "--max-request-line: an endless request line is answered 414" {
  serve --max-request-line=100 --head-timeout=0 hello:app
  answered 414 "GET /$(letters 96)"
}

@test "a method of more than 32 bytes is answered 501, whatever the length of the line" {
  serve --max-request-line=100 --head-timeout=0 hello:app
  answered 200 "$(letters 32) / HTTP/1.0\r\n\r\n"
  equal "$(cat "$LOG")" ""
  answered 501 "$(letters 33) / HTTP/1.0\r\n\r\n"
  logged "method too long"
  answered 501 "$(letters 33)"
  answered 501 "$(letters 200)"
}

@test "--max-field-section: a larger section is answered 431" {
  serve --max-field-section=100 hello:app
  answered 200 "$(with_section 100)"
  equal "$(cat "$LOG")" ""
  answered 431 "$(with_section 101)"
  logged "field section"
}

@test "--max-field-section: an endless section is answered 431" {
  serve --max-field-section=100 --head-timeout=0 hello:app
  answered 431 "GET / HTTP/1.1\r\nX: $(letters 98)"
}

@test "--max-field-section: a larger trailer section is answered 431" {
  serve --max-field-section=100 echoes:app
  # "X: ", CRLF and the empty line make 7.
  answered 200 "$(with_chunks "0\r\nX: $(letters 93)\r\n\r\n")"
  equal "$(cat "$LOG")" ""
  answered 431 "$(with_chunks "0\r\nX: $(letters 94)\r\n\r\n")"
  logged "trailer section"
}

@test "--max-field-section: chunk extensions are limited like trailers" {
  serve --max-field-section=100 echoes:app
  # ";" and the empty line at the end make 3.
  answered 200 "$(with_chunks "5;$(letters 97)\r\nhello\r\n0\r\n\r\n")"
  answered 431 "$(with_chunks "5;$(letters 98)\r\nhello\r\n0\r\n\r\n")"
  logged "chunk extensions"
}

@test "--max-fields: more fields are answered 431" {
  serve --max-fields=5 hello:app
  answered 200 "$(with_fields 5)"
  equal "$(cat "$LOG")" ""
  answered 431 "$(with_fields 6)"
  logged "field lines"
}

@test "--max-content: a larger Content-Length is answered 413" {
  serve --max-content=10 traces:app
  answered 200 "$(with_content_length 10)0123456789"
  logged "content: b'0123456789'"
  : >"$LOG"
  answered 413 "$(with_content_length 11)0123456789a"
  logged "limit"
  not_logged "reached:"
}

@test "--max-content: a Content-Length that overflows is answered 413" {
  serve hello:app
  answered 413 "$(with_content_length 18446744073709551616)"
  answered 413 "$(with_content_length 99999999999999999999999999999999999999999)"
}

@test "--max-content: larger chunked content is answered 413" {
  serve --max-content=10 traces:app
  answered 200 "$(with_chunks '5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n')"
  logged "content: b'0123456789'"
  : >"$LOG"
  answered 413 "$(with_chunks '5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n')"
  logged "limit"
  not_logged "content:"
}

@test "--max-content: a chunk that is too large is refused before its data arrives" {
  serve --max-content=10 --read-timeout=0 echoes:app
  answered 413 "$(with_chunks 'b\r\n')"
  answered 413 "$(with_chunks 'ffffffffffffffff\r\n')"
  answered 413 "$(with_chunks 'fffffffffffffffffffff\r\n')"
}

@test "K, M and G are powers of 1024" {
  serve --max-content=1K hello:app
  answered 200 "$(with_content_length 1024)"
  answered 413 "$(with_content_length 1025)"
  serve --max-content=2M hello:app
  answered 200 "$(with_content_length 2097152)"
  answered 413 "$(with_content_length 2097153)"
  serve --max-content=3G hello:app
  answered 200 "$(with_content_length 3221225472)"
  answered 413 "$(with_content_length 3221225473)"
}

@test "the defaults are those shown by --help" {
  run -0 "$PROGRAM" --help
  [[ $output =~ --max-request-line=.*\[8K\] ]]
  [[ $output =~ --max-field-section=.*\[32K\] ]]
  [[ $output =~ --max-fields=.*\[100\] ]]
  [[ $output =~ --max-content=.*\[128M\] ]]
  serve hello:app
  answered 200 "$(with_line 8192)"
  answered 414 "$(with_line 8193)"
  answered 200 "$(with_section 32768)"
  answered 431 "$(with_section 32769)"
  answered 200 "$(with_fields 100)"
  answered 431 "$(with_fields 101)"
  answered 200 "$(with_content_length 134217728)"
  answered 413 "$(with_content_length 134217729)"
}

@test "limits may exceed the defaults" {
  serve --max-request-line=100K --max-field-section=100K hello:app
  answered 200 "$(with_line 102400)"
  answered 200 "$(with_section 102400)"
}
