#!/usr/bin/env bats
# ways: one

load helpers

HEAD='POST / HTTP/1.1\r\nHost: a\r\n'

setup_fifos() {
  local name
  for name; do
    mkfifo "$FIFOS/$name"
  done
}

# The client continues only after a thread of the app has met it twice while the main thread is in a
# call that waits for the client: 100 (Continue) shows that it has begun to read, the head of the
# answer that it has begun to send. The second meeting needs the GIL in between.

@test "threads run while the main thread waits for content" {
  setup_fifos first second
  serve threads:while_reading
  run -0 talk send "${HEAD}Content-Length: 7\r\nExpect: 100-continue\r\n\r\n" \
    expect "100 Continue" meet "$FIFOS/first" meet "$FIFOS/second" send content read
  contains "$output" "the app read content"
  equal "$(exit_status)" 0
}

@test "threads run while the main thread waits for the client to read the answer" {
  setup_fifos first second
  serve threads:while_sending
  talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect "200 OK" meet "$FIFOS/first" \
    meet "$FIFOS/second" read >"$BATS_TEST_TMPDIR/answer"
  equal "$(tail -c 8M "$BATS_TEST_TMPDIR/answer" | tr -d '\0' | wc -c)" 0
  equal "$(exit_status)" 0
}

@test "threads run while the connection lingers" {
  setup_fifos first second
  serve threads:while_lingering
  run -0 talk send "${HEAD}Content-Length: 7\r\n\r\ncon" expect "the answer" \
    meet "$FIFOS/first" meet "$FIFOS/second" send tent read
  contains "$output" "the answer"
  equal "$(exit_status)" 0
}

@test "wsgi.input, start_response and write raise ValueError after the request" {
  serve threads:after_the_end
  equal "$(http / -d content)" "the answer"
  equal "$(exit_status)" 0
  local what
  for what in read readline readlines next start_response write "empty write"; do
    equal "$(grep "^$what: " "$LOG")" "$what: ValueError"
  done
}

@test "a read in progress at the end of the request raises, and the answer is complete" {
  setup_fifos reading
  serve threads:in_the_middle_of_a_read
  run -0 talk send "${HEAD}Content-Length: 7\r\nExpect: 100-continue\r\n\r\n" \
    expect "100 Continue" meet "$FIFOS/reading" expect "the answer" end read
  contains "$output" "the answer"
  equal "$(exit_status)" 0
  [[ $(grep '^read: ' "$LOG") == "read: "@(ValueError|OSError) ]]
}

@test "a write in progress at the end of the request raises" {
  setup_fifos writing raised
  serve threads:in_the_middle_of_a_write
  # The client reads nothing more until the write has raised; otherwise the write might complete.
  talk send 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' expect "200 OK" meet "$FIFOS/writing" \
    meet "$FIFOS/raised" read >"$BATS_TEST_TMPDIR/answer" 3>&- &
  logged "write: "
  read_fifo "$FIFOS/raised"
  wait $! || :
  equal "$(exit_status)" 0
  [[ $(grep '^write: ' "$LOG") == "write: "@(ValueError|OSError) ]]
  logged "RuntimeError: the app broke"
}

@test "a second thread that reads does not disturb the first" {
  setup_fifos reading
  serve threads:second_read
  run -0 talk send "${HEAD}Content-Length: 10\r\nExpect: 100-continue\r\n\r\n" \
    expect "100 Continue" meet "$FIFOS/reading" send "0123456789" read
  contains "$output" "0123456789"
  equal "$(exit_status)" 0
}

@test "several reading threads get each line whole and exactly once" {
  serve threads:many_readers
  seq 10000 19999 >"$BATS_TEST_TMPDIR/lines"
  http / -T "$BATS_TEST_TMPDIR/lines" | cmp - "$BATS_TEST_TMPDIR/lines"
  http / -H "Transfer-Encoding: chunked" -T "$BATS_TEST_TMPDIR/lines" |
    cmp - "$BATS_TEST_TMPDIR/lines"
  equal "$(exit_status)" 0
  equal "$(exit_status)" 0
}
