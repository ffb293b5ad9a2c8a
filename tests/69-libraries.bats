#!/usr/bin/env bats
# ways: libraries
#
# Apps with large libraries in C start from an image. What they answer then is what they answer when
# they are imported. And a debugger can look into them.

load helpers

export WAY=accept FAMILY=unix THAW=

# answers_alike APP: from an image, and imported.
answers_alike() {
  local thawed
  THAW=1 serve "$1"
  [[ -e $BATS_TEST_TMPDIR/image ]]
  thawed=$(http /)
  equal "$(exit_status)" 0
  equal "$(grep -c "cannot start from the image" "$LOG")" 0
  serve "$1"
  equal "$thawed" "$(http /)"
  answer=$thawed
}

@test "numpy, lxml, psycopg2, PIL, SQLAlchemy, cryptography and requests" {
  answers_alike heavy:app
  equal "$(wc -l <<<"$answer")" 8
}

@test "matplotlib, with a figure that was begun at import" {
  LIBRARY=matplotlib answers_alike libraries:app
  equal "$answer" PNG
}

@test "pandas" {
  LIBRARY=pandas answers_alike libraries:app
  equal "$answer" $'b,a\nx,4\ny,2'
}

@test "scipy, with threads of its library for linear algebra" {
  LIBRARY=scipy answers_alike libraries:app
  equal "$answer" "True 1.414214"
}

@test "gevent, which has patched the standard library" {
  LIBRARY=gevent answers_alike libraries:app
  equal "$answer" "[0, 1, 4, 9, 16]"
}

@test "aiohttp, in asyncio.run" {
  LIBRARY=aiohttp answers_alike libraries:app
  equal "$answer" "answered /path"
}

@test "boto3, with a client that was made at import" {
  LIBRARY=boto3 answers_alike libraries:app
  equal "$answer" "https://one.s3.amazonaws.com/two"
}

@test "grpc, with a server and a client in the request" {
  LIBRARY=grpc answers_alike libraries:app
  equal "$answer" noitseuq
}

@test "a debugger shows the stack of a process that has started from an image, and of its core" {
  local pid stack
  mkfifo "$FIFOS/held"
  THAW=1 serve waits:app
  http /held >"$BATS_TEST_TMPDIR/answer" 3>&- 4>&- &
  eventually grep -q "begin held" "$FIFOS/notes"
  pid=$(pgrep -P "$ACTIVATOR")
  gcore -o "$BATS_TEST_TMPDIR/core" "$pid"
  for stack in "-p $pid" "$PROGRAM $BATS_TEST_TMPDIR/core.$pid"; do
    # shellcheck disable=SC2086 # two words
    run -0 gdb -nx -batch -ex backtrace $stack
    contains "$output" open64
    contains "$output" "_PyEval_EvalFrameDefault ()"
    contains "$output" "gateway_run (gateway="
    contains "$output" "main (argc="
  done
  write_fifo "$FIFOS/held"
  wait "$!"
  equal "$(<"$BATS_TEST_TMPDIR/answer")" "answer to held"
}
