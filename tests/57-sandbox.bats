#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# What the sandbox that is shipped keeps an app from. For control each deed is done outside of it,
# too: by a unit whose name gets no drop-in of ours, as root. (tests/apps/tries.py)

load installed

# Both are served during all tests; each request is a process of its own.
setup_file() {
  boot
  [[ -n $SYSTEMD ]] || return 0
  make_install
  ROOT=/proc/$SYSTEMD/root
  make_temptations
  bare
  app lean tries:app "[Socket]" "Accept=yes"
  app tries tries:app
}

# What only the sandbox protects: all may write to it.
make_temptations() {
  local directory
  for directory in /etc /usr /srv /var/lib /home/ada /usr/lib/modules; do
    mkdir -p "$ROOT$directory/open"
    chmod 777 "$ROOT$directory" "$ROOT$directory/open"
  done
  echo secret >"$ROOT/var/tmp/outside"
  chmod 666 "$ROOT/var/tmp/outside"
  : >"$ROOT/srv/of-the-front-server"
  inside chown www-data /srv/of-the-front-server
  cp "$ROOT/usr/bin/id" "$ROOT/srv/setuid-id"
  chmod 4755 "$ROOT/srv/setuid-id"
}

bare() {
  local units=$ROOT/etc/systemd/system
  printf '%s\n' "[Socket]" "ListenStream=/run/bare.sock" >"$units/bare.socket"
  printf '%s\n' "[Service]" "Type=notify" "TasksMax=infinity" \
    "ExecStart=/usr/local/bin/wsgi-once --directory=/srv/apps --idle-timeout=0 tries:app" \
    >"$units/bare.service"
  inside systemctl daemon-reload
  inside systemctl start bare.socket
}

setup() {
  [[ -n $SYSTEMD ]] || skip "$(cat "$BATS_FILE_TMPDIR/complaint")"
  ROOT=/proc/$SYSTEMD/root
  # shellcheck disable=SC2034 # for http
  ORIGIN=http://localhost
  select_app tries
}

teardown() {
  if [[ -n $SYSTEMD && -z $BATS_TEST_COMPLETED ]]; then
    inside journalctl --no-pager --lines 20 || :
  fi
}

outside() { # deed
  get_from "$ROOT/run/bare.sock" "$1"
}

# refused DEED ANSWER...: one of these is what comes of it in the sandbox; outside, it can be done.
refused() {
  equal "$1: $(outside "$1")" "$1: done" || return
  local answer
  answer=$(http "/$1")
  [[ " ${*:2} " == *" $answer "* ]] || equal "$1: $answer" "$1: ${*:2}"
}

@test "it writes nowhere but to its own directories" {
  refused writes//etc/open/x EROFS
  refused writes//usr/open/x EROFS
  refused writes//srv/open/x EROFS
  refused writes//var/lib/open/x EROFS
  refused writes//home/ada/open/x EROFS
  equal "$(http /writes//var/lib/wsgi-once-tries/x)" "done"
  equal "$(http /writes//var/cache/wsgi-once-tries/x)" "done"
  equal "$(http /writes//tmp/x)" "done"
  equal "$(http /writes//var/tmp/x)" "done"
}

@test "it does not see what others keep in /tmp" {
  refused reads//var/tmp/outside ENOENT
}

@test "it cannot read what another app keeps, nor speak to it" {
  app other hello:app
  http / >/dev/null
  echo secret >"$ROOT/var/lib/wsgi-once-other/secret"
  select_app tries
  refused reads//var/lib/wsgi-once-other/secret ENOENT
  refused connects//run/wsgi-once/other.sock EACCES
}

@test "it does not see whose files those of others are" {
  refused sees_owner//srv/of-the-front-server EPERM
  equal "$(http /sees_owner//var/lib/wsgi-once-tries)" "done"
}

@test "it does not see processes of others" {
  refused sees_processes_of_others ESRCH
  refused reads//proc/1/cmdline ENOENT
}

@test "it sees of the kernel in /proc only the processes" {
  refused reads//proc/sys/kernel/ostype ENOENT
  refused reads//proc/kallsyms ENOENT
  refused reads//proc/meminfo ENOENT
}

@test "it makes no namespaces and no mounts" {
  local namespace
  refused mounts EPERM
  for namespace in cgroup ipc mnt net pid user uts; do
    refused "unshares/$namespace" EPERM
  done
}

@test "it traces no process, not even its own" {
  refused traces_a_child EPERM
}

@test "it opens no sockets but those of the web and of this machine" {
  refused opens_socket/AF_NETLINK,SOCK_RAW EAFNOSUPPORT
  refused opens_socket/AF_PACKET,SOCK_DGRAM EAFNOSUPPORT
  refused opens_socket/AF_INET,SOCK_RAW,IPPROTO_ICMP EPERM
  refused sets_up_io_uring EPERM # with which it could open them all the same
  equal "$(http /opens_socket/AF_INET,SOCK_STREAM)" "done"
  equal "$(http /opens_socket/AF_INET6,SOCK_DGRAM)" "done"
  equal "$(http /opens_socket/AF_UNIX,SOCK_STREAM)" "done"
}

@test "it sees no devices of the machine, and makes none" {
  refused reads//dev/kmsg ENOENT
  refused makes_device EPERM
  equal "$(http /reads//dev/zero)" "done"
  equal "$(http /writes//dev/null)" "done"
}

@test "it neither sets clock and host name, nor asks for the kernel's log and modules" {
  refused sets_hostname EPERM
  refused sets_clock EPERM
  refused asks_kernel_log EPERM
  refused lists//usr/lib/modules EACCES
}

@test "it makes no cgroups" {
  refused makes_directory_in_own_cgroup EROFS
}

@test "it maps no memory that can be written and executed" {
  refused maps_to_write_and_execute EPERM EACCES # by a filter, or by prctl(2)
}

@test "it gets no privileges by a setuid program, and makes none" {
  refused becomes_root_by//srv/setuid-id EPERM
  refused makes_setuid EPERM
}

@test "it changes neither its personality nor its scheduling to real time" {
  refused changes_personality EPERM
  refused becomes_real_time EPERM
}

@test "it makes no system calls of another architecture" {
  [[ $(uname -m) == x86_64 ]] || skip "impossible: this machine has no second one"
  refused calls_as_32_bit SIGSYS
}

@test "it has so many processes at the most" {
  needs_controller pids
  refused forks/600 EAGAIN
}

@test "it has no capabilities, gets none, and its system calls are filtered" {
  local kind state
  while read -r kind state; do
    case $kind in
      Cap*) equal "$kind $state" "$kind 0000000000000000" ;;
      NoNewPrivs:) equal "$kind $state" "$kind 1" ;;
      Seccomp:) equal "$kind $state" "$kind 2" ;; # SECCOMP_MODE_FILTER
    esac
    echo "$kind" >>"$BATS_TEST_TMPDIR/kinds"
  done < <(grep -E '^(Cap...|NoNewPrivs|Seccomp):' "$ROOT/proc/$(show MainPID)/status")
  equal "$(wc -l <"$BATS_TEST_TMPDIR/kinds")" 7
}

# ---- the lean one -------------------------------------------------------------------------------

@test "a connection's service writes nowhere else either, and reads nothing of others" {
  app other hello:app
  http / >/dev/null
  echo secret >"$ROOT/var/lib/wsgi-once-other/secret"
  select_app lean
  refused writes//etc/open/x EROFS
  refused writes//srv/open/x EROFS
  refused writes//home/ada/open/x EROFS
  refused reads//var/tmp/outside ENOENT
  refused reads//var/lib/wsgi-once-other/secret ENOENT
  refused connects//run/wsgi-once/other.sock EACCES
  equal "$(http /writes//var/lib/wsgi-once-lean/x)" "done"
}

@test "a connection's service has no privileges and gets none" {
  select_app lean
  refused becomes_root_by//srv/setuid-id EPERM
  refused makes_setuid EPERM
  refused makes_device EPERM
  refused mounts EPERM
  refused sets_hostname EPERM
  refused opens_socket/AF_INET,SOCK_RAW,IPPROTO_ICMP EPERM
  refused asks_kernel_log EPERM
}

@test "what a filter of few system calls refuses, it refuses to a connection's service, too" {
  select_app lean
  refused unshares/user EPERM
  refused traces_a_child EPERM
  refused sets_clock EPERM
  refused maps_to_write_and_execute EPERM EACCES # by a filter, or by prctl(2)
  refused changes_personality EPERM
  refused becomes_real_time EPERM
  refused opens_socket/AF_NETLINK,SOCK_RAW EAFNOSUPPORT
  refused opens_socket/AF_PACKET,SOCK_DGRAM EAFNOSUPPORT
  refused sets_up_io_uring EPERM
  [[ $(uname -m) != x86_64 ]] || refused calls_as_32_bit SIGSYS
}

@test "a connection's service has the whole sandbox when lean.conf is masked" {
  local drop_ins=/etc/systemd/system/wsgi-once-lean@.service.d
  select_app lean
  equal "$(http /reads//proc/1/cmdline)" "done"
  inside mkdir "$drop_ins"
  inside ln -s /dev/null "$drop_ins/20-lean.conf"
  inside systemctl daemon-reload
  refused reads//proc/1/cmdline ENOENT
  refused makes_directory_in_own_cgroup EROFS
  is_at_most "$(exposure wsgi-once-lean@1.service)" 1.5
  rm -r "$ROOT$drop_ins"
  inside systemctl daemon-reload
}

# ---- what systemd-analyze says of it ------------------------------------------------------------

exposure() { # unit
  inside systemd-analyze security --no-pager "$1" |
    sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p'
}

is_at_most() { # number, number
  awk "BEGIN { exit !(\"$1\" != \"\" && $1 + 0 <= $2) }" || equal "$1" "at most $2"
}

@test "the exposure of a server is at most 1.5" {
  is_at_most "$(exposure wsgi-once-tries.service)" 1.5
  run is_at_most "$(exposure bare.service)" 9 # the control
  ((status != 0))
}

@test "the exposure of a connection's service is at most 3" {
  is_at_most "$(exposure wsgi-once-lean@1.service)" 3
}

@test "what is left open is open for a reason" {
  # An app speaks to databases and services, finds its code and perhaps a virtual environment in
  # the file system, and limits itself; so IPAddressDeny=, RootDirectory= and the like are for who
  # knows the app. ProtectClock= brings DeviceAllow=char-rtc.
  inside systemd-analyze security --no-pager wsgi-once-tries.service |
    sed -nE 's/^✗ (\S+).*/\1/p' | sort >"$BATS_TEST_TMPDIR/open"
  equal "$(comm -23 "$BATS_TEST_TMPDIR/open" - <<'END'
DeviceAllow=
IPAddressDeny=
PrivateNetwork=
ProtectHome=
RestrictAddressFamilies=~AF_(INET|INET6)
RestrictAddressFamilies=~AF_UNIX
RootDirectory=/RootImage=
SystemCallFilter=~@resources
UMask=
END
  )" ""
  grep -qx IPAddressDeny= "$BATS_TEST_TMPDIR/open"
}
