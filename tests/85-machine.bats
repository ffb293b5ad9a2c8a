#!/usr/bin/env bats
# ways: vm

# What only a whole machine has: the kernel of the release with its security modules, systemd as
# its process 1, cgroup v2 with all controllers, logins, and a clock that can be set. tests/check-vm
# runs this suite.

load installed

setup_file() {
  only_in_machine
  boot
  make_install
}

eval "installed_$(declare -f setup)"
setup() {
  installed_setup
  PLACE=/srv/fifos-85-$BATS_TEST_NUMBER
  FIFOS=$PLACE
  mkdir "$FIFOS"
  mkfifo --mode=666 "$FIFOS/begun" "$FIFOS/end"
}

# Other suites follow, also after a failure.
eval "installed_$(declare -f teardown)"
teardown() {
  installed_teardown
  inside loginctl disable-linger ada 2>/dev/null || :
  inside loginctl terminate-user ada 2>/dev/null || :
  rm -rf "$FIFOS" /home/ada/.config /etc/systemd/logind.conf.d
}

# serves_misbehaving NAME [LINE]...: starts the socket of misbehaves.py.
serves_misbehaving() {
  app "$1" misbehaves:app "${@:2}" "[Service]" "Environment=FIFOS=$PLACE"
}

# begin_held_request: the request runs until end_held_request.
begin_held_request() {
  http /hold --max-time 86400 >"$BATS_TEST_TMPDIR/held" 3>&- 4>&- &
  HELD=$!
  read_fifo "$FIFOS/begun"
}

end_held_request() {
  write_fifo "$FIFOS/end"
  wait "$HELD"
  equal "$(cat "$BATS_TEST_TMPDIR/held")" "the beginning, the end"
}

times_killed() { # unit
  inside journalctl --output cat --unit "$1" | grep -c "Failed with result 'oom-kill'"
}

@test "the kernel is the release's, systemd is process 1, and cgroup v2 and Landlock are there" {
  local release
  # shellcheck disable=SC1091 # of this machine
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  case $release in
    bookworm) [[ $(uname -r) == 6.1.* ]] ;;
    trixie) [[ $(uname -r) == 6.12.* ]] ;;
  esac
  [[ -e /boot/vmlinuz-$(uname -r) ]]
  equal "$(cat /proc/1/comm)" systemd
  run ! systemd-detect-virt --quiet --container
  equal "$(findmnt --noheadings --types cgroup,cgroup2 --output FSTYPE)" cgroup2
  contains ",$(cat /sys/kernel/security/lsm)," ,landlock,
}

# ---- resources ----

@test "MemoryMax= of a connection's service ends that request, and no other" {
  serves_misbehaving each "RequestTimeout=1d" "[Socket]" "Accept=yes" \
    "[Service]" "MemoryMax=100M" "MemorySwapMax=0"
  begin_held_request
  run ! http /allocates?300
  eventually times_killed "wsgi-once-each@*.service"
  equal "$(times_killed "wsgi-once-each@*.service")" 1
  equal "$(http /allocates?10)" 10
  end_held_request
  # the control
  drop_in wsgi-once-each@.service "[Service]" "MemoryMax=infinity"
  equal "$(http /allocates?300)" 300
}

@test "MemoryMax= of a server ends the request that exceeds it, and nothing else" {
  local before
  serves_misbehaving blog "RequestTimeout=1d" "[Service]" "MemoryMax=150M" "MemorySwapMax=0"
  begin_held_request
  before=$(show InvocationID)
  run ! http /allocates?300
  eventually has_logged "GET /allocates?300: "
  contains "$(inside journalctl --output cat --unit "$SERVICE" | grep -F "GET /allocates?300: ")" \
    "signal 9"
  equal "$(http /allocates?10)" 10
  end_held_request
  keeps_invocation "$before"
  # the control
  drop_in "$SERVICE" "[Service]" "MemoryMax=infinity"
  inside systemctl restart "$SERVICE"
  equal "$(http /allocates?300)" 300
}

@test "TasksMax= of a connection's service is that of one request" {
  app each tries:app "[Socket]" "Accept=yes" "[Service]" "TasksMax=20"
  equal "$(http /forks/10)" "done"
  equal "$(http /forks/30)" EAGAIN
  # the control
  drop_in wsgi-once-each@.service "[Service]" "TasksMax=50"
  equal "$(http /forks/30)" "done"
}

@test "TasksMax= of a server limits what a request can fork" {
  app blog tries:app "[Service]" "TasksMax=20"
  equal "$(http /forks/5)" "done"
  equal "$(http /forks/30)" EAGAIN
  # the control
  drop_in "$SERVICE" "[Service]" "TasksMax=50"
  inside systemctl restart "$SERVICE"
  equal "$(http /forks/30)" "done"
}

@test "IPAddressDeny= keeps an app from its own machine, too" {
  app blog tries:app
  equal "$(http /sends_to_port/9)" "done"
  drop_in "$SERVICE" "[Service]" "IPAddressDeny=any"
  inside systemctl restart "$SERVICE"
  equal "$(http /sends_to_port/9)" EPERM
}

# ---- systemd, and the clock ----

@test "systemctl daemon-reexec keeps the server and its requests" {
  local before
  serves_misbehaving blog "RequestTimeout=1d"
  begin_held_request
  before=$(show InvocationID)
  inside systemctl daemon-reexec
  equal "$(http /allocates?10)" 10
  eventually shows StatusText 'Serving*: 1 served, 1 running*'
  end_held_request
  eventually shows StatusText 'Serving*: 2 served, 0 running*'
  inside systemctl reload "$SERVICE"
  equal "$(http /allocates?10)" 10
  keeps_invocation "$before"
}

# By more than all limits of time, and back again in the end.
@test "when the clock jumps, requests and servers continue, and Date follows" {
  local before jump now
  serves_misbehaving blog "IdleTimeout=1s" "RequestTimeout=10min"
  begin_held_request
  before=$(show InvocationID)
  for jump in "+20 minutes" "-40 minutes" "+20 minutes"; do
    inside date --set "$jump" >/dev/null
    equal "$(http /allocates?1)" 1
    now=$(http /well --head --output - | sed -n 's/^Date: \(.*\)\r$/\1/p')
    [[ $now ]] # date(1) takes nothing for midnight
    echo "$jump: $now"
    now=$(($(date +%s) - $(date --date "$now" +%s)))
    ((now >= 0 && now < 600))
  done
  equal "$(show InvocationID)" "$before"
  end_held_request
  # It is idle by its own clock.
  eventually shows ActiveState inactive
  equal "$(http /allocates?1)" 1
}

# ---- a user's login ----

# login [USER-COMMAND]...: runs the shell command in a login session of ada.
login() {
  inside runuser --login ada --command "$1"
}

has_user_manager() {
  inside systemctl is-active --quiet "user@$(inside id --user ada).service"
}

no_user_manager() {
  ! has_user_manager
}

mine_answers() {
  equal "$(get_from "/run/user/$(inside id --user ada)/wsgi-once/mine.sock")" "Hello."
}

# The user's systemd ends with the last session, not ten seconds later.
stop_users_at_once() {
  mkdir -p /etc/systemd/logind.conf.d
  printf '%s\n' "[Login]" "UserStopDelaySec=0" >/etc/systemd/logind.conf.d/stop.conf
  inside systemctl restart systemd-logind
}

@test "an app of a user is served from login to logout, or, with lingering, without a login" {
  stop_users_at_once
  as_ada mkdir -p .config/wsgi-once
  printf '%s\n' "[App]" "Application=hello:app" "Directory=/srv/apps" "[Install]" \
    "WantedBy=sockets.target" >/home/ada/.config/wsgi-once/mine.conf
  inside systemctl stop "user@$(inside id --user ada).service"
  no_user_manager
  login "cat $FIFOS/end" 3>&- 4>&- &
  local session=$!
  eventually mine_answers
  contains "$(login 'systemctl --user status wsgi-once-mine.socket')" "Active: active ("
  equal "$(inside systemctl --user --machine=ada@ is-active wsgi-once-mine.socket)" active
  write_fifo "$FIFOS/end"
  wait "$session"
  eventually no_user_manager
  run ! mine_answers
  inside loginctl enable-linger ada
  eventually mine_answers
  inside loginctl disable-linger ada
  eventually no_user_manager
  rm -r /home/ada/.config
}
