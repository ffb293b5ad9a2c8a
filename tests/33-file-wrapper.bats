#!/usr/bin/env bats
# ways: both

load helpers

setup_file() {
  export FILE='open(FILES + "/file", "rb")'
}

# put_file TEXT: writes the file that the app sends.
put_file() {
  printf %s "$1" >"$FIFOS/file"
}

# get FILE [CURL-ARGUMENT]...: prints the content that results from the app's file.
get() {
  local file=$1
  shift
  http / -H "File: $file" "$@"
}

# Runs the program under strace(1), which records the calls of sendfile(2). strace detaches (-D)
# because the process that received the sockets must become the program itself. Leak detection is
# off because it needs ptrace(2), which strace uses.
trace_sendfile() {
  cat >"$BATS_TEST_TMPDIR/traced" <<END
#!/bin/sh
export ASAN_OPTIONS="\$ASAN_OPTIONS:detect_leaks=0"
exec strace -D -f -qq -e trace=/^sendfile -o "$BATS_TEST_TMPDIR/trace" "$PROGRAM" "\$@"
END
  chmod +x "$BATS_TEST_TMPDIR/traced"
  PROGRAM=$BATS_TEST_TMPDIR/traced
}

# Prints the total number of bytes that sendfile(2) took from the file.
sent_by_kernel() {
  sed -nE 's/.*sendfile.* = ([0-9]+)$/\1/p' "$BATS_TEST_TMPDIR/trace" |
    awk '{ sum += $1 } END { print sum + 0 }'
}

@test "a regular file is sent by sendfile(2)" {
  trace_sendfile
  head -c 1000000 /dev/urandom >"$FIFOS/file"
  serve sends_file:app
  get "$FILE" | cmp - "$FIFOS/file"
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 1000000
}

@test "unbuffered files and files opened for writing are sent by sendfile(2)" {
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

@test "a file is sent from its current position" {
  trace_sendfile
  put_file "0123456789"
  serve sends_file:app
  equal "$(get "at($FILE, 4)")" 456789
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 6
  equal "$(get "at(open(FILES + '/file', 'rb', buffering=0), 9)")" 9
}

@test "data that the file's buffer has read ahead is not lost" {
  put_file $'first line\n0123456789'
  serve sends_file:app
  equal "$(get "after($FILE, 3)")" $'st line\n0123456789'
  equal "$(get "after(open(FILES + '/file', 'rb', buffering=0), 11)")" 0123456789
  equal "$(get "at(after($FILE, 20), 12)")" 123456789
}

@test "data written to a file and not yet flushed is sent" {
  serve sends_file:app
  equal "$(get 'at(written(tempfile.TemporaryFile(), b"the content"), 4)')" "content"
  put_file "0123456789"
  equal "$(get 'written(open(FILES + "/file", "r+b"), b"abc")')" "3456789"
  equal "$(get "$FILE")" "abc3456789"
}

@test "the length of a regular file becomes the Content-Length" {
  put_file "0123456789"
  serve sends_file:app
  contains "$(get "$FILE" --include)" $'\r\nContent-Length: 10\r\n'
  contains "$(get "at($FILE, 4)" --include)" $'\r\nContent-Length: 6\r\n'
  equal "$(get "$FILE" --http1.0)" 0123456789
}

@test "a smaller Content-Length of the app limits what is sent" {
  trace_sendfile
  put_file "0123456789"
  serve sends_file:app
  run -0 get "at($FILE, 2)" -H "Headers: [('Content-Length', '5')]" --include
  [[ $output == *$'\r\nContent-Length: 5\r\n'*$'\r\n\r\n23456' ]]
  equal "$(exit_status)" 0
  equal "$(sent_by_kernel)" 5
}

@test "a file shorter than the app's Content-Length is cut off" {
  put_file "0123456789"
  serve sends_file:app
  run -18 get "$FILE" -H "Headers: [('Content-Length', '11')]"
  contains "$output" 0123456789
  logged "Content-Length"
  equal "$(exit_status)" 0
}

@test "the answer to HEAD has the file's length and no content" {
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

@test "an empty file, or one positioned at or after its end, gives empty content" {
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

@test "files in /proc, whose size is unknown, are sent whole" {
  serve sends_file:app
  equal "$(get 'open("/proc/version", "rb")')" "$(cat /proc/version)"
  equal "$(get 'open("/proc/self/comm", "rb", buffering=0)')" "wsgi-once"
}

@test "a file that is not regular is read" {
  serve sends_file:app
  equal "$(get 'pipe(b"from a pipe")')" "from a pipe"
}

@test "in-memory objects and decompressed files are read" {
  serve sends_file:app
  equal "$(get 'io.BytesIO(b"the content")')" "the content"
  equal "$(get 'at(io.BytesIO(b"the content"), 4)')" "content"
  equal "$(get 'Reader(b"the content")')" "the content"
  # These have a fileno(), but of a file with other bytes.
  printf "the content" | gzip >"$FIFOS/file.gz"
  /usr/bin/python3 -c 'import bz2, sys; bz2.open(sys.argv[1], "w").write(b"the content")' \
    "$FIFOS/file.bz2"
  equal "$(get 'gzip.open(FILES + "/file.gz")')" "the content"
  equal "$(get 'bz2.open(FILES + "/file.bz2")')" "the content"
}

@test "a subclass of a regular file object is read" {
  put_file "the content"
  serve sends_file:app
  equal "$(get 'Upper(FILES + "/file")')" "THE CONTENT"
  equal "$(get 'io.BufferedReader(Upper(FILES + "/file"))')" "THE CONTENT"
}

@test "a named temporary file is sent" {
  serve sends_file:app
  equal "$(get 'at(written(tempfile.NamedTemporaryFile(), b"the content"), 0)')" "the content"
}

@test "a text file is refused" {
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

@test "an unreadable file is an error of the app" {
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

@test "the file is closed after it is sent" {
  put_file "the content"
  serve sends_file:app
  equal "$(get "$FILE")" "the content"
  equal "$(exit_status)" 0
  logged "closed: True"
}

@test "close() of the file is called once, and is optional" {
  serve sends_file:app
  equal "$(get 'Closing(b"the content")')" "the content"
  equal "$(exit_status)" 0
  equal "$(grep -c "close() number" "$LOG")" 1
  equal "$(get 'Reader(b"the content")')" "the content"
  equal "$(exit_status)" 0
  not_logged Traceback
}

@test "the file is closed if the client disconnects midway" {
  truncate --size=64M "$FIFOS/file"
  serve sends_file:app
  talk send "GET / HTTP/1.1\r\nHost: a\r\nFile: $FILE\r\n\r\n" expect "200 OK" reset \
    >"$FIFOS/answer"
  equal "$(exit_status)" 0
  logged "closed: True"
  not_logged Traceback
}

@test "a large file reaches a slow client whole" {
  # More than the socket buffers hold, so that the program has to wait.
  head -c 8M /dev/urandom >"$FIFOS/file"
  serve sends_file:app
  talk send "GET / HTTP/1.0\r\nFile: $FILE\r\n\r\n" read-slowly 8192 >"$FIFOS/answer"
  tail -c 8M "$FIFOS/answer" | cmp - "$FIFOS/file"
}

@test "the block size is the size of each read" {
  serve file_blocks:app
  equal "$(http / -H "Use: wrap(file)")" "[b'x', b'x'] [8192, 8192, 8192]"
  equal "$(http / -H "Use: wrap(file, 100)")" "[b'x', b'x'] [100, 100, 100]"
  equal "$(http / -H "Use: wrap(file, block_size=7)")" "[b'x', b'x'] [7, 7, 7]"
}

@test "wsgi.file_wrapper requires a file" {
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

@test "a file returned after write() is sent whole" {
  put_file "the content"
  serve file_after_write:app
  equal "$(http /)" "before the content"
  equal "$(http / --http1.0)" "before the content"
}

@test "files in /sys, which report a wrong size, are read" {
  serve sends_file:app
  local file=/sys/kernel/mm/transparent_hugepage/enabled
  [[ -e $file ]] || file=$(find /sys/kernel -maxdepth 1 -type f -readable -print -quit)
  equal "$(get "open('$file', 'rb')")" "$(cat "$file")"
}
