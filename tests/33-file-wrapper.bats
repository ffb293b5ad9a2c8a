#!/usr/bin/env bats
# ways: both

load helpers

setup_file() {
  export FILE='open(FILES + "/file", "rb")'
}

# put_file TEXT: the file that the app sends.
put_file() {
  printf %s "$1" >"$FIFOS/file"
}

# get FILE [CURL-ARGUMENT]...: the content that the app's file gives.
get() {
  local file=$1
  shift
  http / -H "File: $file" "$@"
}

# Runs the program under strace(1), which notes the calls of sendfile(2). It detaches (-D) because
# the process that was handed the sockets must become the program itself. Leak detection needs
# ptrace(2) for itself.
trace_sendfile() {
  cat >"$BATS_TEST_TMPDIR/traced" <<END
#!/bin/sh
export ASAN_OPTIONS="\$ASAN_OPTIONS:detect_leaks=0"
exec strace -D -f -qq -e trace=/^sendfile -o "$BATS_TEST_TMPDIR/trace" "$PROGRAM" "\$@"
END
  chmod +x "$BATS_TEST_TMPDIR/traced"
  PROGRAM=$BATS_TEST_TMPDIR/traced
}

# Prints how many bytes sendfile(2) took from the file in all.
sent_by_kernel() {
  sed -nE 's/.*sendfile.* = ([0-9]+)$/\1/p' "$BATS_TEST_TMPDIR/trace" |
    awk '{ sum += $1 } END { print sum + 0 }'
}

@test "a real file is sent by sendfile(2)" {
  trace_sendfile
  head -c 1000000 /dev/urandom >"$FIFOS/file"
  serve sends_file:app
  get "$FILE" | cmp - "$FIFOS/file"
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 1000000
}

@test "an unbuffered file, and one that was opened for writing too, are sent by sendfile(2)" {
  trace_sendfile
  put_file "the content"
  serve sends_file:app
  equal "$(get 'open(FILES + "/file", "rb", buffering=0)')" "the content"
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 11
  equal "$(get 'open(FILES + "/file", "r+b")')" "the content"
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 11
}

@test "a file is sent from its position on" {
  trace_sendfile
  put_file "0123456789"
  serve sends_file:app
  equal "$(get "at($FILE, 4)")" 456789
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 6
  equal "$(get "at(open(FILES + '/file', 'rb', buffering=0), 9)")" 9
}

@test "what the buffer of a file has read ahead is not lost" {
  put_file $'first line\n0123456789'
  serve sends_file:app
  equal "$(get "after($FILE, 3)")" $'st line\n0123456789'
  equal "$(get "after(open(FILES + '/file', 'rb', buffering=0), 11)")" 0123456789
  equal "$(get "at(after($FILE, 20), 12)")" 123456789
}

@test "what was written to a file and not flushed is sent" {
  serve sends_file:app
  equal "$(get 'at(written(tempfile.TemporaryFile(), b"the content"), 4)')" "content"
  put_file "0123456789"
  equal "$(get 'written(open(FILES + "/file", "r+b"), b"abc")')" "3456789"
  equal "$(get "$FILE")" "abc3456789"
}

@test "the length of a real file is announced" {
  put_file "0123456789"
  serve sends_file:app
  contains "$(get "$FILE" --include)" $'\r\nContent-Length: 10\r\n'
  contains "$(get "at($FILE, 4)" --include)" $'\r\nContent-Length: 6\r\n'
  equal "$(get "$FILE" --http1.0)" 0123456789
}

@test "a smaller Content-Length of the app is all that is sent" {
  trace_sendfile
  put_file "0123456789"
  serve sends_file:app
  run -0 get "at($FILE, 2)" -H "Headers: [('Content-Length', '5')]" --include
  [[ $output == *$'\r\nContent-Length: 5\r\n'*$'\r\n\r\n23456' ]]
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 5
}

@test "a file that is shorter than the app's Content-Length is cut off" {
  put_file "0123456789"
  serve sends_file:app
  run -18 get "$FILE" -H "Headers: [('Content-Length', '11')]"
  contains "$output" 0123456789
  logged "Content-Length"
  equal "$(exit_status)" 0
}

@test "HEAD gets the length of the file and nothing of it" {
  trace_sendfile
  put_file "0123456789"
  serve sends_file:app
  run -0 talk send "HEAD / HTTP/1.1\r\nHost: a\r\nFile: $FILE\r\n\r\n" read
  [[ $output == *$'\r\nContent-Length: 10\r\n'* && $output == *$'\r\n\r' ]]
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 0
  logged "closed: True"
}

@test "a status without content sends nothing of the file" {
  put_file "0123456789"
  serve sends_file:app
  run -0 talk send "GET / HTTP/1.1\r\nHost: a\r\nFile: $FILE\r\n" \
    send "Status: 304 Not Modified\r\n\r\n" read
  [[ $output == *" 304 Not Modified"* && $output != *0123456789* ]]
  equal "$(exit_status)" 0
  logged "closed: True"
}

@test "an empty file, and one at its end or behind it, is empty content" {
  put_file ""
  serve sends_file:app
  equal "$(get "$FILE" --write-out '%{http_code}')" 200
  put_file "0123456789"
  equal "$(get "after($FILE, 10)" --write-out '%{http_code}')" 200
  equal "$(get "at($FILE, 20)" --write-out '%{http_code}')" 200
  for _ in 1 2 3; do
    equal "$(exit_status)" 0
  done
}

@test "the files of /proc, whose size is unknown, are sent whole" {
  serve sends_file:app
  equal "$(get 'open("/proc/version", "rb")')" "$(cat /proc/version)"
  equal "$(get 'open("/proc/self/comm", "rb", buffering=0)')" "wsgi-once"
}

@test "what is no regular file is read" {
  serve sends_file:app
  equal "$(get 'pipe(b"from a pipe")')" "from a pipe"
}

@test "objects in memory and decompressed files are read" {
  serve sends_file:app
  equal "$(get 'io.BytesIO(b"the content")')" "the content"
  equal "$(get 'at(io.BytesIO(b"the content"), 4)')" "content"
  equal "$(get 'Reader(b"the content")')" "the content"
  # These have a fileno(), of a file with other bytes.
  printf "the content" | gzip >"$FIFOS/file.gz"
  /usr/bin/python3 -c 'import bz2, sys; bz2.open(sys.argv[1], "w").write(b"the content")' \
    "$FIFOS/file.bz2"
  equal "$(get 'gzip.open(FILES + "/file.gz")')" "the content"
  equal "$(get 'bz2.open(FILES + "/file.bz2")')" "the content"
}

@test "a class of its own that is built on a real file is read" {
  put_file "the content"
  serve sends_file:app
  equal "$(get 'Upper(FILES + "/file")')" "THE CONTENT"
  equal "$(get 'io.BufferedReader(Upper(FILES + "/file"))')" "THE CONTENT"
}

@test "a temporary file with a name is sent" {
  serve sends_file:app
  equal "$(get 'at(written(tempfile.NamedTemporaryFile(), b"the content"), 0)')" "the content"
}

@test "a file of text is refused" {
  put_file "the content"
  serve sends_file:app
  equal "$(get 'open(FILES + "/file", encoding="ascii")' --write-out '%{http_code}')" \
    $'500 Internal Server Error\n500'
  logged "TypeError: content must be bytes"
  equal "$(exit_status)" 0
}

@test "a closed file is an error of the app" {
  put_file "the content"
  serve sends_file:app
  equal "$(get "(f := $FILE).close() or f" --write-out ' %{http_code}')" \
    $'500 Internal Server Error\n 500'
  logged "ValueError"
}

@test "a file that cannot be read is an error of the app" {
  put_file "the content"
  serve sends_file:app
  local file name='FILES + "/file"'
  for file in "open($name, 'ab', 0)" \
    "io.FileIO(os.open($name, os.O_RDWR), 'w')" \
    "open(os.open($name, os.O_WRONLY), 'rb')" \
    "open(os.open($name, os.O_WRONLY), 'rb', 0)" \
    "open(os.open($name, os.O_PATH), 'rb')" \
    "os.close((f := $FILE).fileno()) or f" \
    "(f := $FILE).detach() and f"; do
    equal "$file: $(get "$file" --write-out ' %{http_code}')" \
      "$file: "$'500 Internal Server Error\n 500'
    equal "$(exit_status)" 0
  done
  equal "$(grep -c "the application raised an exception" "$LOG")" 7
}

@test "the file is closed after it was sent" {
  put_file "the content"
  serve sends_file:app
  equal "$(get "$FILE")" "the content"
  equal "$(exit_status)" 0
  logged "closed: True"
}

@test "close() of the file is called once, and need not exist" {
  serve sends_file:app
  equal "$(get 'Closing(b"the content")')" "the content"
  equal "$(exit_status)" 0
  equal "$(grep -c "close() number" "$LOG")" 1
  equal "$(get 'Reader(b"the content")')" "the content"
  equal "$(exit_status)" 0
  not_logged Traceback
}

@test "the file is closed when the client leaves midway" {
  truncate --size=64M "$FIFOS/file"
  serve sends_file:app
  talk send "GET / HTTP/1.1\r\nHost: a\r\nFile: $FILE\r\n\r\n" expect "200 OK" reset \
    >"$FIFOS/answer"
  equal "$(exit_status)" 0
  logged "closed: True"
  not_logged Traceback
}

@test "a large file reaches a slow client whole" {
  # More than the socket's buffers hold, so that the program has to wait.
  head -c 8M /dev/urandom >"$FIFOS/file"
  serve sends_file:app
  talk send "GET / HTTP/1.0\r\nFile: $FILE\r\n\r\n" read-slowly 8192 >"$FIFOS/answer"
  tail -c 8M "$FIFOS/answer" | cmp - "$FIFOS/file"
}

@test "the block size is what is read at once" {
  serve file_blocks:app
  equal "$(http / -H "Use: wrap(file)")" "[b'x', b'x'] [8192, 8192, 8192]"
  equal "$(http / -H "Use: wrap(file, 100)")" "[b'x', b'x'] [100, 100, 100]"
  equal "$(http / -H "Use: wrap(file, block_size=7)")" "[b'x', b'x'] [7, 7, 7]"
}

@test "wsgi.file_wrapper wants a file" {
  serve file_blocks:app
  equal "$(status / -H "Use: wrap()")" 500
  logged "TypeError"
  equal "$(status / -H "Use: wrap(None)")" 500
}

@test "middleware can iterate the wrapper" {
  put_file "the content"
  serve file_middleware:app
  equal "$(http /)" "THE CONTENT"
  serve --mount=/ file_blocks:app
  equal "$(http / -H "Use: [iter(w := wrap(file)) is w, next(w)]")" "[True, b'x'] [8192]"
}

@test "a file after write() is sent whole" {
  put_file "the content"
  serve file_after_write:app
  equal "$(http /)" "before the content"
  equal "$(http / --http1.0)" "before the content"
}

@test "files of /sys, which tell a wrong size, are read" {
  serve sends_file:app
  local file=/sys/kernel/mm/transparent_hugepage/enabled
  [[ -e $file ]] || file=$(find /sys/kernel -maxdepth 1 -type f -readable -print -quit)
  equal "$(get "open('$file', 'rb')")" "$(cat "$file")"
}
