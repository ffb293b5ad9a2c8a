#!/usr/bin/env bats
# ways: all

load helpers

@test "a request is answered and the process ends" {
  serve hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
}

@test "each request has a process of its own" {
  serve counter:app
  for _ in 1 2 3; do
    equal "$(http /)" "1"
    equal "$(exit_status)" 0
  done
}

@test "the activation's variables do not reach the app" {
  serve os_environ:app
  run -0 http /
  [[ $output == *"PATH="* ]]
  [[ $output != *LISTEN_* && $output != *NOTIFY_SOCKET* ]]
}

@test "what the app prints never lands in the answer" {
  serve prints:app
  equal "$(http /)" "the answer"
  logged "printed by the app at import"
  logged "written to standard output"
  logged "written to standard error"
  logged "printed by a subprocess"
  logged "printed to wsgi.errors"
  logged "printed between"
}

@test "a client that connects and leaves is no failure" {
  serve hello:app
  talk end read
  equal "$(exit_status)" 0
  talk reset
  equal "$(exit_status)" 0
  equal "$(cat "$LOG")" ""
}
