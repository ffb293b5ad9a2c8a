#!/usr/bin/env bats
# ways: both

load helpers

# reads EXPRESSION CONTENT: prints the value of the expression for this content. Both framings are
# tried and must give the same.
reads() {
  local length chunked
  length=$(http / -H "Do: $1" --data-binary "$2")
  chunked=$(http / -H "Do: $1" --data-binary "$2" -H "Transfer-Encoding: chunked")
  equal "$chunked" "$length" && echo "$length"
}

@test "read() reads everything" {
  serve reads:app
  equal "$(reads 'input.read()' 'the content')" "b'the content'"
  equal "$(reads 'input.read(None)' 'the content')" "b'the content'"
  equal "$(reads 'input.read(-1)' 'the content')" "b'the content'"
  equal "$(reads 'input.read(-7)' 'the content')" "b'the content'"
}

@test "read(n) reads n bytes, and fewer only at the end" {
  serve reads:app
  equal "$(reads 'input.read(3), input.read(0), input.read(5), input.read(9)' 'the content')" \
    "(b'the', b'', b' cont', b'ent')"
  equal "$(reads 'input.read(11), input.read(11)' 'the content')" "(b'the content', b'')"
  equal "$(reads 'input.read(2**62)' 'the content')" "b'the content'"
}

@test "readline() reads up to and including a newline" {
  serve reads:app
  equal "$(reads '[input.readline() for _ in range(5)]' $'one\n\ntwo\r\nthree')" \
    "[b'one\n', b'\n', b'two\r\n', b'three', b'']"
  equal "$(reads 'input.readline(None), input.readline(-1)' $'one\ntwo\n')" "(b'one\n', b'two\n')"
}

@test "readline(n) reads at most n bytes of a line" {
  serve reads:app
  equal "$(reads '[input.readline(n) for n in (0, 2, 2, 3, 4, 9, 9)]' $'one\n\ntwo\nthree')" \
    "[b'', b'on', b'e\n', b'\n', b'two\n', b'three', b'']"
}

@test "readlines() reads all lines" {
  serve reads:app
  equal "$(reads 'input.readlines(), input.readlines()' $'one\n\ntwo')" \
    "([b'one\n', b'\n', b'two'], [])"
  equal "$(reads 'input.readlines(None)' $'one\ntwo\n')" "[b'one\n', b'two\n']"
  equal "$(reads 'input.readlines(-1)' $'one\ntwo\n')" "[b'one\n', b'two\n']"
  equal "$(reads 'input.readlines(0)' $'one\ntwo\n')" "[b'one\n', b'two\n']"
}

@test "readlines(hint) reads whole lines until they total that many bytes" {
  serve reads:app
  equal "$(reads 'input.readlines(1), input.readlines(5), input.read()' $'one\ntwo\nthree\nfour')" \
    "([b'one\n'], [b'two\n', b'three\n'], b'four')"
  equal "$(reads 'input.readlines(4), input.read()' $'one\ntwo\n')" "([b'one\n'], b'two\n')"
}

@test "iteration yields one line at a time" {
  serve reads:app
  equal "$(reads 'list(input), list(input)' $'one\n\ntwo')" "([b'one\n', b'\n', b'two'], [])"
  equal "$(reads 'iter(input) is input, next(input), input.read()' $'one\ntwo')" \
    "(True, b'one\n', b'two')"
}

@test "the read methods can be mixed" {
  serve reads:app
  equal "$(reads 'input.read(1), input.readline(), next(input), input.readlines(1), input.read()' \
    $'one\ntwo\nthree\nfour\nfive')" "(b'o', b'ne\n', b'two\n', [b'three\n'], b'four\nfive')"
}

@test "every read method returns nothing after the end" {
  serve reads:app
  local ways='[input.read(), input.read(1), input.readline(), input.readlines(), list(input)]'
  equal "$(reads "input.read(), $ways" 'x')" "(b'x', [b'', b'', b'', [], []])"
}

@test "a request without content has empty input" {
  serve reads:app
  local ways='[input.read(), input.read(1), input.readline(), input.readlines(), list(input)]'
  equal "$(http / -H "Do: $ways")" "[b'', b'', b'', [], []]"
  equal "$(http / -H "Do: $ways" -X POST -H "Content-Length: 0")" "[b'', b'', b'', [], []]"
  equal "$(http / -H "Do: $ways" -X POST -H "Transfer-Encoding: chunked" -d '')" \
    "[b'', b'', b'', [], []]"
}

@test "a size that is no number raises TypeError" {
  serve reads:app
  equal "$(status / -H "Do: input.read('1')" -d content)" 500
  logged "TypeError"
  equal "$(status / -H "Do: input.readline(1.5)" -d content)" 500
  equal "$(status / -H "Do: input.read(1, 2)" -d content)" 500
}

@test "content of arbitrary bytes arrives unchanged" {
  serve reads:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nDo: input.read()\r\nContent-Length: 6\r\n\r\n' \
    send '\0\xff\r\n\r\n' read
  contains "$output" "b'\\x00\\xff\\r\\n\\r\\n'"
}

@test "chunked content can be split anywhere" {
  serve reads:app
  local text='4\r\none\n\r\n006;a="b"\r\ntwo\nth\r\n3\r\nree\r\n0\r\nX-Trailer: y\r\n\r\n' steps=()
  while [[ -n $text ]]; do
    local size=1
    [[ $text == \\* ]] && size=2
    steps+=(send "${text:0:size}")
    text=${text:size}
  done
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nDo: list(input)\r\n' \
    send 'Transfer-Encoding: chunked\r\n\r\n' "${steps[@]}" read
  contains "$output" "[b'one\\n', b'two\\n', b'three']"
}

@test "a read waits until enough content has arrived" {
  serve reads:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n' \
    send 'Do: input.read(7), input.readline()\r\n\r\n' expect '100 Continue\r\n\r\n' send 'the' \
    nothing send ' cont' nothing send 'ent' read
  contains "$output" "(b'the con', b'tent')"
}

@test "a read never goes beyond the content" {
  serve reads:app
  local next='GET /next HTTP/1.1\r\nHost: a\r\n\r\n'
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nDo: input.read(), input.read(), list(input)\r\n' \
    send "Content-Length: 7\r\n\r\ncontent$next" end read
  contains "$output" "(b'content', b'', [])"
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nDo: input.read(99), input.readline()\r\n' \
    send "Transfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n$next" end read
  contains "$output" "(b'content', b'')"
  run -0 talk send "GET / HTTP/1.1\r\nHost: a\r\nDo: input.read(), input.readlines()\r\n\r\n$next" \
    end read
  contains "$output" "(b'', [])"
}

@test "the end of the content is recognized while the connection stays open" {
  serve reads:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nDo: input.read()\r\nContent-Length: 7\r\n\r\n' \
    send 'content' expect "b'content'"
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nDo: list(input)\r\n' \
    send 'Transfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n' expect "[b'content']"
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nDo: input.read()\r\n\r\n' expect "b''"
}

@test "lines longer than any buffer are returned whole" {
  serve reads:app
  local line
  line=$(head -c 300000 /dev/zero | tr '\0' x)
  printf '%s\nend' "$line" >"$BATS_TEST_TMPDIR/lines"
  equal "$(reads '[len(line) for line in input]' "@$BATS_TEST_TMPDIR/lines")" "[300001, 3]"
  equal "$(reads '[len(input.readline(200000)) for _ in range(4)]' "@$BATS_TEST_TMPDIR/lines")" \
    "[200000, 100001, 3, 0]"
}

@test "a large upload arrives unchanged in both framings" {
  serve digests_whole:app
  local file=$BATS_TEST_TMPDIR/upload expected
  head -c 5000001 /dev/urandom >"$file"
  expected=$(sha256sum <"$file" | cut -d ' ' -f 1)
  equal "$(http / -T "$file")" "$expected"
  equal "$(http / -T - <"$file")" "$expected"
  equal "$(http / --data-binary "@$file" -H "Transfer-Encoding: chunked")" "$expected"
}

@test "a large upload read in small pieces arrives unchanged in both framings" {
  serve digests:app
  local file=$BATS_TEST_TMPDIR/upload expected
  head -c 3000001 /dev/urandom >"$file"
  expected=$(sha256sum <"$file" | cut -d ' ' -f 1)
  contains "$(http / -T "$file")" "$expected "
  contains "$(http / -T - <"$file")" "$expected "
}

@test "memory use does not grow with the content" {
  # AddressSanitizer keeps freed memory for a while, up to 256 MB by default.
  export ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=1
  local small large expected file=$BATS_TEST_TMPDIR/upload
  serve digests:app
  truncate --size=64M "$file"
  expected=$(sha256sum <"$file" | cut -d ' ' -f 1)
  truncate --size=2M "$file.small"
  small=$(http / -T "$file.small")
  for large in "$(http / -T "$file")" "$(http / -T - <"$file")"; do
    contains "$large" "$expected "
    echo "peak for 2 MiB: ${small#* } KiB, for 64 MiB: ${large#* } KiB"
    ((${small#* } > 0 && ${large#* } < ${small#* } + 4096))
  done
}

@test "if the client leaves midway, the app gets ConnectionResetError and no failure is logged" {
  serve reading_fails:app
  local head='POST / HTTP/1.1\r\nHost: a\r\n'
  talk send "$head"'Content-Length: 10\r\n\r\nhalf' end read
  equal "$(exit_status)" 0
  logged "the app got ConnectionResetError"
  talk send "$head"'Transfer-Encoding: chunked\r\n\r\n5\r\nhalf' end read
  equal "$(exit_status)" 0
  talk send "$head"'Expect: 100-continue\r\nContent-Length: 10\r\n\r\n' expect "100 Continue" reset
  equal "$(exit_status)" 0
  equal "$(grep -c "the app got ConnectionResetError" "$LOG")" 3
  not_logged Traceback
}

@test "bad framing midway is answered 400 if the app does not catch the error" {
  serve reading_fails:app
  run -0 talk send 'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' \
    send '3\r\nabc\r\nxyz\r\n' read
  contains "$output" "HTTP/1.1 400 "
  logged "the app got OSError"
  logged "POST /x"
  not_logged Traceback
  equal "$(exit_status)" 0
}

@test "content over the limit is answered 413 if the app does not catch the error" {
  serve --max-content=8 reading_fails:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' \
    send '8\r\n01234567\r\n1\r\n8\r\n0\r\n\r\n' read
  contains "$output" "HTTP/1.1 413 "
  not_logged Traceback
  equal "$(exit_status)" 0
  equal "$(http / -T - <<<"1234567")" "all is read"
}

@test "bad framing after the answer has begun cuts it off" {
  serve reading_fails_late:app
  run talk send 'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' \
    expect 'the beginning\r\n' send '3\r\nabc\r\nxyz\r\n' read
  [[ $output != *"the end"* && $output != *$'\n0\r'* && $output != *"HTTP/1.1 400"* ]]
  logged "POST /x"
  equal "$(exit_status)" 0
}

@test "the app can answer bad content itself, and further reads raise the same error" {
  serve reading_recovers:app
  run -0 talk send 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n' read
  contains "$output" "HTTP/1.1 422 "
  contains "$output" "OSError OSError"
  equal "$(exit_status)" 0
}
