#!/usr/bin/env bats
# ways: one
#
# Content longer or shorter than the app's Content-Length.

load helpers

GET='GET / HTTP/1.1\r\nHost: a\r\n'
TEN="'200 OK', [('Content-Length', '10')]"

# get RETURN [CURL-ARGUMENT]...: sends a request to an app that announces 10 bytes and returns this.
get() {
  local return=$1
  shift
  http /target -H "Start: $TEN" -H "Return: $return" "$@"
}

# warned TEXT: the log contains this message and no other.
warned() {
  logged "GET /target: the content is $1 longer than its Content-Length of "
  equal "$(wc -l <"$LOG")" 1
  : >"$LOG"
}

# get_file FILE START [CURL-ARGUMENT]...: sends a request to an app that wraps a file.
get_file() {
  local file=$1 headers=$2
  shift 2
  http / -H "File: $file" -H "Headers: $headers" "$@"
}

put_file() {
  printf %s "$1" >"$FIFOS/file"
}

@test "too much content: the announced length is sent, and a warning states the excess" {
  local version
  serve responds:app
  for version in --http1.1 --http1.0; do
    equal "$(get "[b'abcde', b'fghijEXTRA']" "$version" --fail)" abcdefghij
    warned "5 bytes"
    equal "$(get "iter([b'abcde', b'fghijEXTRA'])" "$version" --fail)" abcdefghij
    warned "at least 5 bytes"
  done
}

@test "too much content: for lists and tuples the warning states the total" {
  serve responds:app
  equal "$(get "[b'abcdefghijk']")" abcdefghij
  warned "1 byte"
  equal "$(get "(b'abcde', b'fghij', b'', b'EXTRA', b'MORE')")" abcdefghij
  warned "9 bytes"
  equal "$(get "[b'', b'abcde', b'', b'fghijk', b'l']")" abcdefghij
  warned "2 bytes"
  contains "$(get "[b'abcdefghijk']" --include)" $'\r\nContent-Length: 10\r\n'
  warned "1 byte"
}

@test "too much content: for other iterables the warning states what the current item exceeds" {
  local iterable
  serve responds:app
  for iterable in "(x for x in (b'abcde', b'fghijEXTRA', b'MORE'))" \
    "type('L', (list,), {})([b'abcde', b'fghijEXTRA', b'MORE'])" \
    "{b'abcde': 1, b'fghijEXTRA': 2, b'MORE': 3}" \
    "map(bytes, [b'', b'abcde', b'fghij', b'EXTRA', b'MORE'])" \
    "iter([b'abcdefghijEXTRA', 'not even bytes'])"; do
    equal "$(get "$iterable")" abcdefghij
    warned "at least 5 bytes"
  done
  equal "$(get "iter([b'a' * (64 << 20)])")" aaaaaaaaaa
  warned "at least 67108854 bytes"
}

@test "too much content: the iteration stops and close() is called" {
  serve responds:app
  equal "$(get "(print('item', i) or b'abcd' for i in range(9))")" abcdabcdab
  equal "$(exit_status)" 0
  equal "$(grep -c '^item' "$LOG")" 3
  : >"$LOG"
  equal "$(get "type('L', (list,), {'close': lambda self: print('closed')})([b'a' * 11])")" \
    aaaaaaaaaa
  equal "$(exit_status)" 0
  logged closed
}

@test "an endless iterable stops after the announced length" {
  serve responds:app
  equal "$(get "__import__('itertools').repeat(b'abc')")" abcabcabca
  warned "at least 2 bytes"
  equal "$(get "__import__('itertools').chain([b'a' * 10], __import__('itertools').repeat(b''))")" \
    aaaaaaaaaa
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}

@test "a generator of the announced length runs to its end without delaying the client" {
  mkfifo "$FIFOS/end"
  serve announces:waits_at_its_end
  run -0 talk send "$GET\r\n" read meet "$FIFOS/end"
  [[ $output == *$'\r\n\r\n0123456789' ]]
  equal "$(exit_status)" 0
  logged "the generator has ended"
  not_logged "longer than"
}

@test "an exception after the announced length does not affect the answer" {
  serve announces:breaks_at_its_end
  equal "$(http / --fail)" 0123456789
  logged "RuntimeError: after the end"
  not_logged "cut off"
}

@test "content with a Content-Length of 0 is not sent" {
  serve responds:app
  local start="'200 OK', [('Content-Length', '0')]"
  for return in "[b'EXTRA']" "iter([b'', b'EXTRA'])"; do
    equal "$(http /target -H "Start: $start" -H "Return: $return" --write-out '%{http_code}')" 200
    logged "5 bytes longer than its Content-Length of 0"
    : >"$LOG"
  done
  equal "$(http / -H "Start: $start" -H "Return: [b'']" --write-out '%{http_code}')" 200
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}

@test "an answer that must not have content has none, without a warning" {
  local request code return
  serve responds:app
  for request in "HEAD / HTTP/1.1\r\nHost: a\r\n" "HEAD / HTTP/1.0\r\n" "$GET"; do
    for code in 200 204 205 304; do
      [[ $request == HEAD* || $code != 200 ]] || continue
      for return in "[b'longer than that']" "iter([b'longer ', b'than that'])" "[b'shorter']"; do
        run -0 talk send "${request}Return: $return\r\n" \
          send "Start: '$code ', [('Content-Length', '10')]\r\n\r\n" read
        [[ $output == "HTTP/1.1 $code "*$'\r\n\r' ]]
        equal "$(exit_status)" 0
        equal "$(cat "$LOG")" ""
      done
    done
  done
  contains "$(get "[b'longer than that']" --head)" $'\r\nContent-Length: 10\r\n'
}

@test "write() sends up to the announced length, then raises" {
  serve announces:writes
  equal "$(http / --fail)" 0123456789
  equal "$(exit_status)" 0
  equal "$(grep -c "^the app got ValueError: write() .* 5 bytes were not sent" "$LOG")" 2
  equal "$(wc -l <"$LOG")" 2
  equal "$(http / --fail --http1.0)" 0123456789
}

@test "write() beyond the end: the log has the app's traceback, the client gets the answer" {
  serve announces:writes_carelessly
  equal "$(http / --fail)" 0123456789
  equal "$(exit_status)" 0
  equal "$(grep -c "^ValueError: write() .* 5 bytes were not sent" "$LOG")" 1
  not_logged "cut off"
}

@test "write() with a Content-Length of 0 raises" {
  serve announces:writes_nothing
  equal "$(http / --fail --write-out '%{http_code}')" 200
  equal "$(exit_status)" 0
  equal "$(grep -c "^ValueError: write() .* 5 bytes were not sent" "$LOG")" 1
}

@test "write() and an iterable together may be too long or too short" {
  serve announces:writes_and_returns
  equal "$(http /target -H "Return: [b'56789', b'EXTRA']" --fail)" 0123456789
  warned "5 bytes"
  equal "$(http /target -H "Return: iter([b'56789EXTRA'])" --fail)" 0123456789
  warned "at least 5 bytes"
  equal "$(http /target -H "Return: [b'56789']" --fail)" 0123456789
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
  run -18 --separate-stderr http /target -H "Return: [b'5678']"
  equal "$output" 012345678
  logged "the content ends after 9 of the 10 bytes of its Content-Length"
}

@test "too little content is visibly cut off, or not sent at all" {
  serve responds:app
  run -18 --separate-stderr get "iter([b'abcde', b'fghi'])"
  equal "$output" abcdefghi
  logged "the content ends after 9 of the 10 bytes of its Content-Length"
  run -18 --separate-stderr get "iter([b'abcde', b'fghi'])" --http1.0
  equal "$output" abcdefghi
  for return in "[b'abcde', b'fghi']" "iter([])" "iter([b''])"; do
    equal "$(get "$return" --write-out '%{http_code}')" $'500 Internal Server Error\n500'
  done
}

# Sets kinds: an expression for each kind of file with the content "0123456789".
kinds_of_files() {
  put_file 0123456789
  gzip --keep "$FIFOS/file"
  (cd "$FIFOS" && /usr/bin/python3 -m zipfile -c file.zip file)
  kinds=(
    'open(FILES + "/file", "rb")'
    'open(FILES + "/file", "rb", buffering=0)'
    'open(FILES + "/file", "r+b")'
    'io.BytesIO(b"0123456789")'
    'Reader(b"0123456789")'
    'Generous(b"0123456789")'
    'Upper(FILES + "/file")'
    'written(tempfile.TemporaryFile(), b"0123456789")'
    'written(tempfile.NamedTemporaryFile(), b"0123456789")'
    'written(tempfile.SpooledTemporaryFile(), b"0123456789")'
    'gzip.open(FILES + "/file.gz")'
    'zipfile.ZipFile(FILES + "/file.zip").open("file")'
  )
}

@test "part of a file of any kind is sent from its position, as long as the Content-Length" {
  local kinds file part version
  kinds_of_files
  serve sends_file:app
  for file in "${kinds[@]}"; do
    part=23456
    if [[ $file == Reader* || $file == Generous* ]]; then
      part=01234 # these cannot seek
    else
      file="at($file, 2)"
    fi
    for version in --http1.1 --http1.0; do
      equal "$file: $(get_file "$file" "[('Content-Length', '5')]" "$version")" "$file: $part"
    done
    contains "$(get_file "$file" "[('Content-Length', '5')]" --head)" \
      $'\r\nContent-Length: 5\r\n'
  done
  equal "$(grep -v '^closed: ' "$LOG")" ""
}

@test "a file of any kind that is shorter than the Content-Length is cut off" {
  local kinds file
  kinds_of_files
  serve sends_file:app
  for file in "${kinds[@]}"; do
    [[ $file == Reader* || $file == Generous* ]] || file="at($file, 2)"
    : >"$LOG"
    run -18 --separate-stderr get_file "$file" "[('Content-Length', '11')]"
    contains 0123456789 "$output"
    logged "of the 11 bytes of its Content-Length"
  done
}

@test "part of a sparse file is sent, and zero bytes of a file" {
  truncate --size=64M "$FIFOS/file"
  serve sends_file:app
  get_file 'open(FILES + "/file", "rb")' "[('Content-Length', '100000')]" >"$BATS_TEST_TMPDIR/part"
  equal "$(tr -d '\0' <"$BATS_TEST_TMPDIR/part" | wc -c) $(wc -c <"$BATS_TEST_TMPDIR/part")" \
    "0 100000"
  for file in 'open(FILES + "/file", "rb")' 'io.BytesIO(b"0123456789")'; do
    equal "$(get_file "$file" "[('Content-Length', '0')]" --write-out '%{http_code}')" 200
  done
}

@test "a wrapped pipe is not read beyond the Content-Length" {
  serve sends_file:app
  equal "$(get_file 'open_pipe(b"0123456789")' "[('Content-Length', '10')]")" 0123456789
}

@test "excess from a middleware that iterates the wrapper is handled like any iterable's" {
  put_file 0123456789abc
  serve announces:middleware
  equal "$(http /target)" 0123456789
  warned "at least 2 bytes"
}

# while_sending COMMAND: sends a file of 8 MB, more than the socket buffers hold, and runs the
# command once the head has arrived. The answer is in $FIFOS/answer.
while_sending() {
  head -c 8M /dev/urandom >"$FIFOS/file"
  cp "$FIFOS/file" "$FIFOS/copy"
  mkfifo "$FIFOS/begun" "$FIFOS/changed"
  serve sends_file:app
  talk send "${GET}File: open(FILES + '/file', 'rb')\r\n\r\n" expect "200 OK" \
    meet "$FIFOS/begun" meet "$FIFOS/changed" read >"$FIFOS/answer" 3>&- &
  read_fifo "$FIFOS/begun"
  "$@"
  read_fifo "$FIFOS/changed"
  wait $!
}

grow() {
  cat "$FIFOS/copy" >>"$FIFOS/file"
}

@test "a file that grows while it is sent is sent with the announced length" {
  while_sending grow
  tail -c 8M "$FIFOS/answer" | cmp - "$FIFOS/copy"
  equal "$(grep -ac "^Content-Length: 8388608" "$FIFOS/answer")" 1
}

@test "a file that shrinks while it is sent cuts the answer off" {
  while_sending truncate --size=1000 "$FIFOS/file"
  (($(wc -c <"$FIFOS/answer") < 8 << 20))
  logged "GET /: the answer was cut off: its file was truncated meanwhile"
  equal "$(exit_status)" 0
}
