#!/usr/bin/env bats
# ways: all

load helpers

@test "the program answers a request and exits" {
  serve hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
}

@test "each request runs in its own process" {
  serve counter:app
  for _ in 1 2 3; do
    equal "$(http /)" "1"
    equal "$(exit_status)" 0
  done
}

@test "the activation's environment variables do not reach the app" {
  serve os_environ:app
  run -0 http /
  [[ $output == *"PATH="* ]]
  [[ $output != *LISTEN_* && $output != *NOTIFY_SOCKET* ]]
}

@test "output of the app never reaches the client" {
  serve prints:app
  equal "$(http /)" "the answer"
  logged "printed by the app at import"
  logged "written to standard output"
  logged "written to standard error"
  logged "printed by a subprocess"
  logged "printed to wsgi.errors"
  logged "printed between"
}

@test "a client that closes or resets the connection without a request causes no failure" {
  serve hello:app
  talk end read
  equal "$(exit_status)" 0
  talk reset
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}
