#!/usr/bin/env bats
# ways: load
# lasts: 30 s

# What the shipped sandbox keeps an app from doing. As a control, each action is also done outside
# of it, by a unit that runs as root and whose name gets no drop-in (tests/apps/tries.py).

load installed

# Both apps are served during all tests. Each request has its own process.
setup_file() {
  boot
  [[ -n $SYSTEMD ]] || return 0
  make_install
  ROOT=/proc/$SYSTEMD/root
  make_targets
  bare
  app lean tries:app "[Socket]" "Accept=yes"
  app tries tries:app
}

# In a virtual machine other suites follow.
eval "booted_$(declare -f teardown_file)"
teardown_file() {
  if [[ -n $SYSTEMD ]]; then
    local ROOT=/proc/$SYSTEMD/root directory
    for directory in "${OPEN[@]}"; do
      rm -rf "$ROOT$directory/open"
      chmod 755 "$ROOT$directory" || :
    done
    # A home that exists is not given to the user who is made later.
    inside id --user ada &>/dev/null || rm -rf "$ROOT/home/ada"
    rm -f "$ROOT/srv/setuid-id" "$ROOT/srv/of-the-front-server" "$ROOT/var/tmp/outside"
    SERVICE='' UNIT='' BATS_TEST_COMPLETED=1 installed_teardown || :
  fi
  booted_teardown_file
}

OPEN=(/etc /usr /srv /var/lib /home/ada /usr/lib/modules)

# Creates files and directories that everybody may write to: only the sandbox protects them.
make_targets() {
  local directory
  for directory in "${OPEN[@]}"; do
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

eval "installed_$(declare -f teardown)"
teardown() {
  if [[ -n $SYSTEMD && -z $BATS_TEST_COMPLETED ]]; then
    inside journalctl --no-pager --lines 20 || :
  fi
}

outside() { # action
  get_from "$ROOT/run/bare.sock" "$1"
}

# refused ACTION ANSWER...: in the sandbox, the action gets one of these answers; outside, it
# succeeds.
refused() {
  equal "$1: $(outside "$1")" "$1: done" || return
  local answer
  answer=$(http "/$1")
  [[ " ${*:2} " == *" $answer "* ]] || equal "$1: $answer" "$1: ${*:2}"
}

@test "an app writes only to its own directories" {
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

@test "an app does not see files of others in /tmp" {
  refused reads//var/tmp/outside ENOENT
}

@test "an app cannot read files of another app, nor connect to it" {
  app other hello:app
  http / >/dev/null
  echo secret >"$ROOT/var/lib/wsgi-once-other/secret"
  select_app tries
  refused reads//var/lib/wsgi-once-other/secret ENOENT
  refused connects//run/wsgi-once/other.sock EACCES
}

@test "an app does not see who owns the files of other users" {
  refused sees_owner//srv/of-the-front-server EPERM
  equal "$(http /sees_owner//var/lib/wsgi-once-tries)" "done"
}

@test "an app does not see processes of others" {
  refused sees_processes_of_others ESRCH
  refused reads//proc/1/cmdline ENOENT
}

@test "an app sees only processes in /proc" {
  refused reads//proc/sys/kernel/ostype ENOENT
  refused reads//proc/kallsyms ENOENT
  refused reads//proc/meminfo ENOENT
}

@test "an app cannot create namespaces or mounts" {
  local namespace
  refused mounts EPERM
  for namespace in cgroup ipc mnt net pid user uts; do
    refused "unshares/$namespace" EPERM
  done
}

@test "an app cannot trace a process, not even its own" {
  refused traces_a_child EPERM
}

@test "an app can only open sockets of INET, INET6 and UNIX" {
  refused opens_socket/AF_NETLINK,SOCK_RAW EAFNOSUPPORT
  refused opens_socket/AF_PACKET,SOCK_DGRAM EAFNOSUPPORT
  refused opens_socket/AF_INET,SOCK_RAW,IPPROTO_ICMP EPERM
  refused sets_up_io_uring EPERM # it could open sockets, too
  equal "$(http /opens_socket/AF_INET,SOCK_STREAM)" "done"
  equal "$(http /opens_socket/AF_INET6,SOCK_DGRAM)" "done"
  equal "$(http /opens_socket/AF_UNIX,SOCK_STREAM)" "done"
}

@test "an app neither sees nor creates devices" {
  refused reads//dev/kmsg ENOENT
  refused makes_device EPERM
  equal "$(http /reads//dev/zero)" "done"
  equal "$(http /writes//dev/null)" "done"
}

@test "an app cannot set clock or host name, nor read the kernel's log and modules" {
  refused sets_hostname EPERM
  refused sets_clock EPERM
  refused asks_kernel_log EPERM
  refused lists//usr/lib/modules EACCES
}

@test "an app cannot create cgroups" {
  refused makes_directory_in_own_cgroup EROFS
}

@test "an app cannot map memory that is writable and executable" {
  refused maps_to_write_and_execute EPERM EACCES # from seccomp, or prctl(2)
}

@test "an app cannot gain privileges by a setuid program, nor create one" {
  refused becomes_root_by//srv/setuid-id EPERM
  refused makes_setuid EPERM
}

@test "an app cannot change its personality, nor get realtime scheduling" {
  refused changes_personality EPERM
  refused becomes_real_time EPERM
}

@test "an app cannot make system calls of another architecture" {
  [[ $(uname -m) == x86_64 ]] || skip "impossible: this machine has no second one"
  refused calls_as_32_bit SIGSYS
}

@test "the number of an app's processes is limited" {
  needs_controller pids
  refused forks/600 EAGAIN
}

@test "an app has no capabilities, cannot gain any, and its system calls are filtered" {
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

# ---- the lean sandbox ---------------------------------------------------------------------------

@test "a connection's service writes only to its own directories, and cannot read those of others" {
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

@test "a connection's service has no privileges and cannot gain any" {
  select_app lean
  refused becomes_root_by//srv/setuid-id EPERM
  refused makes_setuid EPERM
  refused makes_device EPERM
  refused mounts EPERM
  refused sets_hostname EPERM
  refused opens_socket/AF_INET,SOCK_RAW,IPPROTO_ICMP EPERM
  refused asks_kernel_log EPERM
}

@test "a connection's service is refused what one filter of system calls can refuse" {
  select_app lean
  refused unshares/user EPERM
  refused traces_a_child EPERM
  refused sets_clock EPERM
  refused maps_to_write_and_execute EPERM EACCES # from seccomp, or prctl(2)
  refused changes_personality EPERM
  refused becomes_real_time EPERM
  refused opens_socket/AF_NETLINK,SOCK_RAW EAFNOSUPPORT
  refused opens_socket/AF_PACKET,SOCK_DGRAM EAFNOSUPPORT
  refused sets_up_io_uring EPERM
  [[ $(uname -m) != x86_64 ]] || refused calls_as_32_bit SIGSYS
}

@test "a connection's service has the full sandbox when lean.conf is masked" {
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

# ---- systemd-analyze security -------------------------------------------------------------------

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

@test "the sandbox leaves only these settings open" {
  # An app uses databases and services, finds its code and perhaps a virtual environment in the file
  # system, and sets its own limits. So IPAddressDeny=, RootDirectory= and the like are left to
  # administrators who know the app. ProtectClock= implies DeviceAllow=char-rtc.
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
