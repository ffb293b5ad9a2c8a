#!/usr/bin/env bats
# ways: one
# lasts: 25 s
#
# wsgi-once-generator: files of apps in, units out. No systemd is needed for it, but for its opinion
# of the units. What arrives in a program that systemd starts is for a suite that has booted one.

# shellcheck disable=SC1003 # backslashes at the end of a line of an app's file
# shellcheck disable=SC2016 # dollars, meant literally
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own
# shellcheck disable=SC2153,SC2154 # PROGRAM is set by helpers.bash, stderr_lines by run

load helpers

GENERATOR=${PROGRAM}-generator

setup() {
  LOG=$BATS_TEST_TMPDIR/log
  ROOT=$BATS_TEST_TMPDIR/root
  OUT=$BATS_TEST_TMPDIR/out
  CONF=$ROOT/etc/wsgi-once
  KERNEL_LOG=$BATS_TEST_TMPDIR/kmsg
  mkdir -p "$CONF" "$OUT"
  : >"$LOG"
  : >"$KERNEL_LOG"
  unset SYSTEMD_SCOPE XDG_CONFIG_HOME
  # Where the program was told to be installed.
  read -r BIN DATA <"${PROGRAM%/*}/paths"
}

teardown() {
  judge_log
}

# privately COMMAND [ARGUMENT]...: with a file in the place of the kernel's log, which is the
# machine's. Other mounts go away with the command, too.
privately() {
  local namespace=(unshare --mount)
  ((EUID == 0)) || namespace+=(--map-root-user)
  "${namespace[@]}" sh -c 'mount --bind "$0" /dev/kmsg && exec "$@"' "$KERNEL_LOG" "$@"
}

# generate [OPTION]...: as systemd runs it.
generate() {
  privately timeout 60 "$GENERATOR" --root="$ROOT" "$@" "$OUT" "$OUT.early" "$OUT.late"
}

# app NAME: its file is standard input.
app() {
  cat >"$CONF/$1.conf"
}

# lines LINE...: an app's file that begins well, with these lines from the third on.
lines() {
  printf '[App]\nApplication=blog:app\n'
  if (($# > 0)); then printf '%s\n' "$@"; fi
}

# unit NAME: what was written there.
unit() {
  cat "$OUT/$1"
}

written() {
  (cd "$OUT" && find . ! -type d -printf '%P\n' | sort)
}

# command_line: the words that systemd will start the program with, one a line, of the unit on
# standard input, by the rules of systemd.service(5) and systemd.syntax(7). %h becomes <h>.
command_line() {
  /usr/bin/python3 -IS -c '
import re, sys

line, = re.findall("^ExecStart=(.*)$", sys.stdin.read(), re.M)
word = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"\x27\\;]+))(?=\s|$)""")
while line:
    match = word.match(line)
    quoted, plain = match.groups()
    text = plain if quoted is None else re.sub(r"\\([\\\"])", r"\1", quoted)
    assert quoted is None or not re.search(r"\\[^\\\"]", quoted.replace(r"\\", "")), line
    assert "$" not in text.replace("$$", ""), line
    text = re.sub("%(.)", lambda m: "%" if m[1] == "%" else f"<{m[1]}>", text.replace("$$", "$"))
    print(text)
    line = line[match.end():]
'
}

# arguments [LINE]...: those of the program for an app with these lines in [App].
arguments() {
  lines "$@" >"$BATS_TEST_TMPDIR/blog.conf"
  "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/blog.conf" | command_line | tail -n +2
}

# drop_in NAME [LINE]...: the drop-in of that unit for an app with these lines.
drop_in() {
  lines "${@:2}" >"$BATS_TEST_TMPDIR/blog.conf"
  "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/blog.conf" |
    sed -n "\|^# .*/$1.d/50-app.conf|,/^# .* \|^# By/{/^[^#]/p}"
}

# refused PLACE TEXT... -- [COMMAND]...: standard input (or what the command prints) as a file is
# refused with exit status 78, no units, and a line that names file and place (":4", or "") and
# has the texts.
refused() {
  local file=$BATS_TEST_TMPDIR/blog.conf place=$1 texts=() line text
  shift
  while (($# > 0)) && [[ $1 != -- ]]; do
    texts+=("$1")
    shift
  done
  "${@:2}" >"$file"
  run -78 --separate-stderr "$GENERATOR" --dry-run "$file"
  equal "$output" "" || return
  line=$(grep -F "wsgi-once-generator: $file$place: " <<<"$stderr") || {
    equal "$stderr" "a line for $file$place"
    return
  }
  for text in "${texts[@]}"; do
    contains "$line" "$text" || return
  done
}

# taken [LINE]...: units are made for an app with these lines.
taken() {
  lines "$@" >"$BATS_TEST_TMPDIR/blog.conf"
  run -0 --separate-stderr "$GENERATOR" --dry-run ${OPTION:+"$OPTION"} "$BATS_TEST_TMPDIR/blog.conf"
  equal "$stderr" ""
}

# refused_name NAME TEXT
refused_name() {
  lines >"$BATS_TEST_TMPDIR/$1.conf"
  run -78 --separate-stderr "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/$1.conf"
  equal "$output" "" && contains "$stderr" "/$1.conf: the name of an app" && contains "$stderr" "$2"
}

# reports: what stands in the kernel's log.
reports() {
  sed -E 's/^<27>wsgi-once-generator\[[0-9]+\]: //' "$KERNEL_LOG"
}

# ---- what becomes of a file ----

@test "three lines suffice" {
  app blog <<<$'[App]\nApplication=blog:app\nDirectory=/srv/blog'
  run -0 generate
  equal "$output" ""
  equal "$(reports)" ""
  equal "$(written)" $'wsgi-once-blog.service\nwsgi-once-blog.socket'
  equal "$(unit wsgi-once-blog.socket)" "# By wsgi-once-generator(8), from $CONF/blog.conf: \
change that one.

[Unit]
Description=blog (wsgi-once, socket)
Documentation=man:wsgi-once.conf(5) man:wsgi-once(8)
SourcePath=$CONF/blog.conf

[Socket]
ListenStream=/run/wsgi-once/blog.sock"
  equal "$(unit wsgi-once-blog.service)" "# By wsgi-once-generator(8), from $CONF/blog.conf: \
change that one.

[Unit]
Description=blog (wsgi-once)
Documentation=man:wsgi-once.conf(5) man:wsgi-once(8)
SourcePath=$CONF/blog.conf
Requires=wsgi-once-blog.socket

[Service]
Type=notify
ExecStart=$BIN/wsgi-once --directory=/srv/blog blog:app
ExecReload=sh -c \"kill -HUP \$MAINPID\"
WatchdogSec=1min
MemoryMax=1G
OOMPolicy=continue
TasksMax=512
RestartSec=5s
RestartForceExitStatus=127 SIGSYS $(seq --separator=' ' 200 245)"
}

@test "with Accept=yes there is a template, whose sandbox is the lean one" {
  lines RequestTimeout=2min LingerTimeout=1500ms '[Socket]' Accept=yes | app hook
  run -0 generate
  equal "$(written)" "wsgi-once-hook.socket
wsgi-once-hook.socket.d/50-app.conf
wsgi-once-hook@.service
wsgi-once-hook@.service.d/20-lean.conf"
  equal "$(readlink "$OUT/wsgi-once-hook@.service.d/20-lean.conf")" "$DATA/wsgi-once/lean.conf"
  equal "$(unit wsgi-once-hook.socket.d/50-app.conf)" "# From $CONF/hook.conf

[Socket]
Accept=yes"
  # 120 s, 1.5 s and 10 s, rounded up
  equal "$(unit wsgi-once-hook@.service | sed -n '/^\[Service]/,$p')" "[Service]
ExecStart=$BIN/wsgi-once --request-timeout=2min --linger-timeout=1500ms blog:app
MemoryMax=256M
TasksMax=64
RuntimeMaxSec=132s"
}

@test "without a deadline for the request its service has none, either" {
  lines RequestTimeout=0 '[Socket]' Accept=yes | app hook
  run -0 generate
  run -1 grep RuntimeMaxSec "$OUT/wsgi-once-hook@.service"
}

@test "the last Accept= counts" {
  lines '[Socket]' Accept=yes Accept=off | app blog
  run -0 generate
  [[ -f $OUT/wsgi-once-blog.service ]]
}

@test "Single= is no server: systemd is not told that it is ready, and has nothing to watch" {
  lines Single=yes | app blog
  run -0 generate
  contains "$(unit wsgi-once-blog.service)" $'\nType=exec\n'
  run -1 grep WatchdogSec "$OUT/wsgi-once-blog.service"
}

# ---- [App] ----

@test "each kind of value" {
  equal "$(arguments MaxContent=5M IdleTimeout="1min 30s" Spare=3 Import=worker WarmUp=/a \
    Mount=/b)" "--max-content=5M
--idle-timeout=1min 30s
--spare=3
--import=worker
--warm-up=/a
--mount=/b
blog:app"
}

@test "options without an argument take a boolean" {
  for word in yes true on 1 y t YES; do
    equal "$(arguments "Reload=$word")" $'--reload\nblog:app'
  done
  for word in no false off 0 n f No; do
    equal "$(arguments "Reload=$word")" "blog:app"
  done
  for word in maybe 2 "yes no" enabled; do
    refused ":3" Reload "'$word'" "yes or no" -- lines "Reload=$word"
  done
}

@test "PythonPath= is a list, of other keys the last one counts" {
  equal "$(arguments PythonPath=/a Spare=1 PythonPath=/b Spare=2)" "--python-path=/a
--python-path=/b
--spare=2
blog:app"
  equal "$(arguments Reload=yes Reload=no Application=other:app)" "other:app"
}

@test "an empty assignment brings back the default" {
  equal "$(arguments Spare=1 Spare=)" "blog:app"
  equal "$(arguments Reload=yes Reload=)" "blog:app"
  equal "$(arguments PythonPath=/a PythonPath= PythonPath=/b)" $'--python-path=/b\nblog:app'
  equal "$(arguments Spare= Spare=2)" $'--spare=2\nblog:app'
}

# The keys, made of the options that --help shows.
expected_keys() {
  echo Application
  "$PROGRAM" --help | sed -nE 's/^  --([a-z-]+).*/\1/p' | grep -vE '^(check|help|version)$' |
    sed -E 's/(^|-)([a-z])/\U\2/g'
}

@test "every option has a key, and a key that does not exist is answered with all of them" {
  refused ":3" "no key 'Nothing'; it has $(expected_keys | paste -sd, | sed 's/,/, /g')" \
    -- lines Nothing=1
  expected_keys >"$BATS_TEST_TMPDIR/keys"
  # 1 is a value that none of the others minds
  local key value others
  while read -r key; do
    others=()
    case $key in
      Application) continue ;;
      Mount | WarmUp) value=/ ;;
      Import) value=server ;;
      AccessLog) value=none ;;
      TrustedProxy) value=unix ;;
      TrustedField) value=X-Forwarded-For others=(TrustedProxy=unix) ;;
      ProxyProtocol) value=1 others=(TrustedProxy=unix) ;;
      *) value=1 ;;
    esac
    run -0 --separate-stderr arguments "${others[@]}" "$key=$value"
    equal "${#lines[@]}" "$((2 + ${#others[@]}))"
  done <"$BATS_TEST_TMPDIR/keys"
}

@test "a user is not looked up while units are made, when directories may not be there yet" {
  equal "$(arguments TrustedProxy=unix:no-such-user '[Service]' PrivateUsers=no)" \
    $'--trusted-proxy=unix:no-such-user\nblog:app'
  refused ":3" "TrustedProxy" "unix:USER" -- lines TrustedProxy=unix:
}

@test "the manual documents every key, and no other" {
  equal "$(sed -n '/^\.Ss \[App\]/,/^\.Ss \[Unit\]/{/^\.It/p}' "$TESTS/../src/wsgi-once.conf.5" |
    grep -oE '[A-Za-z]+=' | tr -d = | sort)" "$(expected_keys | sort)"
}

@test "values arrive in the program as they are written" {
  local value
  for value in 'two words' '"quoted"' "it's" 'back\slash' 'c:\new' '$HOME' '${HOME}' '$$' ';' '\;' \
    'a;b' 'grün/日本' '#no' '- -' '"' "'" '\\' $'a\tb' '@x' '!' '*' '~' '|&<>' 'a="b c"'; do
    equal "$(arguments "Directory=$value")" "--directory=$value"$'\nblog:app'
    equal "$(arguments "Application=/$value")" "/$value"
  done
  equal "$(arguments 'Application=;')" ";"
  # white space around it is not a part of it; a backslash before it is
  equal "$(arguments $'Directory= \t/a b \t')" $'--directory=/a b\nblog:app'
  equal "$(arguments 'Directory=/a\ ')" $'--directory=/a\\\nblog:app'
}

@test "specifiers of systemd stay, and a percent sign is written twice" {
  equal "$(arguments Directory=%h/blog WarmUp=/%%41)" "--directory=<h>/blog
--warm-up=/%41
blog:app"
  refused ":3" WarmUp %% systemd.unit -- lines WarmUp=/%41
  refused ":3" Directory %% -- lines Directory=/50%
  refused ":3" Application %% -- lines "Application=a% b"
}

# ---- the syntax ----

@test "lines go on behind a backslash, also over comments" {
  equal "$(arguments 'Directory=/a\' b 'Mount=\' '# a comment' '  ; another' '  /c\\')" \
    "--directory=/a b
--mount=/c\\\\
blog:app"
  # the end of the file ends them, too
  equal "$(arguments 'Directory=/a\')" $'--directory=/a\nblog:app'
  # a line that goes on in an empty one
  equal "$(arguments 'Directory=/a\' '' Mount=/b)" $'--directory=/a\n--mount=/b\nblog:app'
}

@test "the line that is named is the one where an assignment begins" {
  refused ":5" "'x y' is not a number" -- lines '# comment' '' 'MaxFields=x\' '; comment' y
}

@test "comments, empty lines, white space, line ends of other systems, a byte order mark" {
  printf '%b\r\n' '\xEF\xBB\xBF# a' ';b' '' ' \t[App] ' '  Application = blog:app ' \
    '\tSpare\t=\t3' | app blog
  printf '[App]\nApplication=a:b\nSpare=3' | app unended
  printf '\xEF\xBB\xBF[App]\nApplication=a:b' | app marked
  run -0 generate
  equal "$(unit wsgi-once-blog.service | command_line | tail -n 2)" $'--spare=3\nblog:app'
  equal "$(unit wsgi-once-unended.service | command_line | tail -n 2)" $'--spare=3\na:b'
  equal "$(unit wsgi-once-marked.service | command_line | tail -n 1)" a:b
}

@test "sections and keys of others are left alone" {
  equal "$(arguments X-Note=a '[X-Mine]' Anything=b 'Spare=1' '[App]' Spare=2)" \
    $'--spare=2\nblog:app'
  lines '[Install]' X-Note=a WantedBy=a.target | app blog
  run -0 generate
}

# ---- [Unit], [Service], [Socket] ----

@test "the other sections become drop-ins, in their order" {
  lines '[Service]' MemoryMax=2G '[Unit]' After=b.service '[Service]' MemoryMax= Environment=A=1 \
    'Environment="B=%h $x \"q\""' '[Unit]' After=a.service '[Socket]' SocketMode=0666 Backlog=5 \
    SocketMode=0600 | app blog
  run -0 generate
  equal "$(written)" "wsgi-once-blog.service
wsgi-once-blog.service.d/50-app.conf
wsgi-once-blog.socket
wsgi-once-blog.socket.d/50-app.conf"
  equal "$(unit wsgi-once-blog.service.d/50-app.conf)" "# From $CONF/blog.conf

[Unit]
After=b.service
After=a.service

[Service]
MemoryMax=2G
MemoryMax=
Environment=A=1
Environment=\"B=%h \$x \\\"q\\\"\""
  equal "$(unit wsgi-once-blog.socket.d/50-app.conf)" "# From $CONF/blog.conf

[Socket]
SocketMode=0666
Backlog=5
SocketMode=0600"
}

@test "a backslash at the end of a value does not swallow the next line" {
  # It has white space behind it, and must have it in the drop-in.
  lines '[Service]' 'Environment=A=b\ ' MemoryMax=1G | app blog
  run -0 generate
  contains "$(unit wsgi-once-blog.service.d/50-app.conf)" $'A=b\\ \nMemoryMax=1G'
}

@test "what listens elsewhere does not listen at the usual place" {
  local way
  for way in ListenStream=/run/x ListenStream=@x ListenStream=%t/x ListenStream=8000 \
    ListenStream=127.0.0.1:8000 'ListenStream=[::1]:8000'; do
    lines '[Socket]' "$way" | app blog
    rm -rf "${OUT:?}"/*
    run -0 generate
    run -1 grep ListenStream "$OUT/wsgi-once-blog.socket"
    contains "$(unit wsgi-once-blog.socket.d/50-app.conf)" "$way"
  done
}

# deferred LINE...: what waits for the first bytes in a socket with these lines in [Socket].
deferred() {
  lines '[Socket]' "$@" >"$BATS_TEST_TMPDIR/blog.conf"
  "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/blog.conf" | grep DeferAcceptSec || echo no
}

@test "sockets of the network alone wait for the first bytes" {
  equal "$(deferred ListenStream=8000)" DeferAcceptSec=10s
  equal "$(deferred ListenStream=127.0.0.1:80 'ListenStream=[::1]:80')" DeferAcceptSec=10s
  equal "$(deferred ListenStream=8000 ListenStream=/run/x)" no
  equal "$(deferred ListenStream=/run/x ListenStream=8000)" no
  equal "$(deferred ListenStream=%t/x)" no
  equal "$(deferred Backlog=5)" no
}

@test "an empty ListenStream= takes back those in front of it" {
  equal "$(deferred ListenStream= ListenStream=8000)" DeferAcceptSec=10s
  equal "$(deferred ListenStream=/run/x ListenStream= ListenStream=8000)" DeferAcceptSec=10s
  equal "$(deferred ListenStream=8000 ListenStream= ListenStream=/run/x)" no
  refused ":5" ListenStream "listen on" -- lines '[Socket]' ListenStream=8000 ListenStream=
}

@test "a socket that cannot be served is refused" {
  local type
  for type in Datagram SequentialPacket FIFO Special Netlink MessageQueue USBFunction; do
    refused ":4" "[Socket] Listen$type" "ListenStream=" -- lines '[Socket]' "Listen$type=/run/x"
  done
}

# What the program would refuse at its start, when clients wait. systemd.exec(5): users but root and
# the service's own are mapped to nobody.
@test "a proxy that is trusted by its user, in a service that cannot tell users apart" {
  local value
  for value in unix:www-data unix:33 unix:nobody; do
    refused ":3" "TrustedProxy: '$value'" "PrivateUsers=no" -- lines "TrustedProxy=$value"
    refused ":3" "TrustedProxy: '$value'" "PrivateUsers=no" -- \
      lines "TrustedProxy=$value" '[Service]' PrivateUsers=no PrivateUsers=true
    refused ":3" "TrustedProxy: '$value'" "PrivateUsers=no" -- \
      lines "TrustedProxy=$value" '[Service]' PrivateUsers=self '[Socket]' Accept=yes
  done
  refused ":4" "TrustedProxy: 'unix:b'" -- lines TrustedProxy=unix TrustedProxy=unix:b
}

@test "a proxy that is trusted by its user, where that can be told" {
  equal "$(arguments TrustedProxy=unix:a '[Service]' PrivateUsers=no)" \
    $'--trusted-proxy=unix:a\nblog:app'
  # of systemd 257, users below 65536 have their own numbers
  taken TrustedProxy=unix:a '[Service]' PrivateUsers=identity
  # the lean sandbox
  taken TrustedProxy=unix:a '[Socket]' Accept=yes
  # root, and the service's own user
  taken TrustedProxy=unix:root TrustedProxy=unix:0 TrustedProxy=unix:wsgi-once-blog
  taken TrustedProxy=unix:blog '[Service]' DynamicUser=no User=blog
  # what is replaced, what is no user, what systemd will make of a specifier
  taken TrustedProxy=unix:a TrustedProxy= TrustedProxy=unix TrustedProxy=unix:%p
  # no such drop-in is there for users
  OPTION=--user taken TrustedProxy=unix:a
}

@test "what the generator writes itself is refused" {
  refused ":4" "[Service] ExecStart" "[App]" -- lines '[Service]' ExecStart=/bin/true
  refused ":4" "[Service] ExecStart" -- lines '[Service]' ExecStart=
  refused ":4" "[Socket] Service" -- lines '[Socket]' Service=other.service
  refused ":4" "[Socket] Accept" "'sometimes'" "yes or no" -- lines '[Socket]' Accept=sometimes
}

# ---- [Install] ----

@test "[Install] links the socket to what wants it" {
  lines '[Install]' WantedBy=sockets.target 'WantedBy=a.target  b@c.service' RequiredBy=r.target \
    UpheldBy=u.target | app blog
  run -0 generate
  equal "$(cd "$OUT" && find . -type l -printf '%P -> %l\n' | sort)" \
    "a.target.wants/wsgi-once-blog.socket -> ../wsgi-once-blog.socket
b@c.service.wants/wsgi-once-blog.socket -> ../wsgi-once-blog.socket
r.target.requires/wsgi-once-blog.socket -> ../wsgi-once-blog.socket
sockets.target.wants/wsgi-once-blog.socket -> ../wsgi-once-blog.socket
u.target.upholds/wsgi-once-blog.socket -> ../wsgi-once-blog.socket"
}

@test "[Install] knows of repetition, and of an empty assignment" {
  lines '[Install]' WantedBy=a.target WantedBy= 'WantedBy=b.target b.target' WantedBy=b.target |
    app blog
  run -0 generate
  equal "$(cd "$OUT" && find . -type l -printf '%P\n')" b.target.wants/wsgi-once-blog.socket
}

@test "[Install] takes names of units, and no other key" {
  local name
  for name in ../evil.target a/b.target %i.target '"a.target"' sockets a.mount.d .target; do
    refused ":4" "[Install] WantedBy" "'$name'" sockets.target -- \
      lines '[Install]' "WantedBy=ok.target $name"
  done
  refused ":4" "no key 'Alias'" "WantedBy, RequiredBy, UpheldBy" -- lines '[Install]' Alias=x
}

# ---- what is wrong with a file ----

@test "a key whose capitals are wrong, an unknown section" {
  refused ":3" "'idletimeout'" "is IdleTimeout meant?" -- lines idletimeout=5
  refused ":3" "'--idle-timeout'" "it has Application, Directory," -- lines --idle-timeout=5
  refused ":4" "[Units]" "[App], [Unit], [Socket], [Service], [Install]" -- lines '[Units]' A=b
  refused ":4" "[app]" -- lines '[app]' A=b
}

@test "values that are not allowed, with what is" {
  refused ":3" IdleTimeout "'never' is not a time span such as 30" -- lines IdleTimeout=never
  refused ":3" MaxContent "'5X'" "K, M or G" -- lines MaxContent=5X
  refused ":3" Spare "'0'" "from 1 to 1000" -- lines Spare=0
  refused ":3" Import "'here'" "server or worker" -- lines Import=here
  # also of one that is taken back later
  refused ":3" Spare -- lines Spare=0 Spare=1
}

@test "of a long value so much is shown that what is allowed is seen, too" {
  local long
  long=$(printf '%0100000d' 0)
  refused ":3" MaxFields "'0000" "x' is not a number" -- lines "MaxFields=${long:0:199}x$long"
  refused ":3" "no key '0000" "it has Application," -- lines "$long=1"
}

@test "what fits no line of the syntax" {
  refused ":3" "neither a section" Key=value -- lines word
  refused ":3" "neither a section" -- lines =value
  refused ":3" "[Section]" -- lines '[App'
  refused ":3" "[Section]" -- lines '[]'
  refused ":1" "before the first section" -- printf 'Application=a:b\n[App]\nApplication=a:b\n'
}

@test "what is no text" {
  local bytes
  # a control character, DEL, CR in the middle; a lone continuation, an overlong form, a surrogate,
  # a sequence that is cut short, beyond Unicode, noncharacters
  for bytes in '\x01' '\x7f' 'a\rb' '\x80' '\xc0\xaf' '\xe0\x80\xaf' '\xf0\x80\x80\xaf' \
    '\xed\xa0\x80' '\xe2\x82' '\xf4\x90\x80\x80' '\xff' '\xef\xbf\xbe' '\xef\xb7\x90' \
    '\xf0\x9f\xbf\xbf'; do
    refused ":3" "control character, or not UTF-8" -- printf "[App]\nApplication=a\nMount=/$bytes\n"
  done
  refused "" "NUL" -- printf '[App]\nApplication=a\n\0'
  equal "${#stderr_lines[@]}" 1
  # the neighbours of those that are none
  equal "$(arguments "Mount=/"$'\uD7FF\uE000\uFDCF\uFDF0\uFFFD\U1FFFD')" \
    "--mount=/"$'\uD7FF\uE000\uFDCF\uFDF0\uFFFD\U1FFFD\nblog:app'
}

@test "Application= is missing, or would be an option" {
  refused "" "no Application" "module:callable" -- printf '[App]\nDirectory=/\n'
  refused "" "no Application" -- lines Application=
  refused "" "no Application" -- echo "# nothing"
  refused ":3" Application "'--help'" "begins with '-'" -- lines Application=--help
}

@test "what the options together do not allow" {
  refused "" "--reload" "--import=server" -- lines Reload=yes Import=worker
}

@test "all that is wrong with a file is said at once" {
  refused ":3" Spare -- lines Spare=0 word Nothing=1 '[Service]' ExecStart=x '[Nothing]' A=b
  equal "$(sed -E 's/.*blog.conf:([0-9]+).*/\1/' <<<"$stderr" | paste -sd' ')" "4 3 5 7 9"
}

@test "of a file that is something else not more than a screen is said" {
  # Its lines would push everything else out of the kernel's log.
  refused ":3" "neither" -- lines $(seq 1000)
  equal "${#stderr_lines[@]}" 51
  contains "${stderr_lines[50]}" "and more"
  # each file has its share
  cp "$BATS_TEST_TMPDIR/blog.conf" "$BATS_TEST_TMPDIR/other.conf"
  run -78 --separate-stderr "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR"/{blog,other}.conf
  equal "${#stderr_lines[@]}" 102
}

@test "names that cannot be those of units, users and directories" {
  refused_name a.b "which becomes"
  refused_name a@b "which becomes"
  refused_name "a b" "which becomes"
  refused_name blög "which becomes"
  refused_name a%i "which becomes"
  refused_name blog- "does not end with '-'"
  refused_name -blog "begins with a letter or a digit"
  refused_name _blog "begins with a letter or a digit"
  refused_name 1234567890123456789012 "at most 21 characters"
  lines >"$BATS_TEST_TMPDIR/123456789012345678901.conf"
  run -0 "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/123456789012345678901.conf"
  lines >"$BATS_TEST_TMPDIR/9_B-c.conf"
  run -0 "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/9_B-c.conf"
  lines >"$BATS_TEST_TMPDIR/.conf"
  run -78 "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/.conf"
}

@test "one bad file harms no other, and nothing is written for it" {
  lines | app a
  lines Spare=0 '[Service]' A=b '[Install]' WantedBy=b.target | app b
  lines | app c
  run -78 generate
  equal "$output" ""
  equal "$(reports)" "$CONF/b.conf:3: Spare: '0' is not a number from 1 to 1000"
  equal "$(written)" "wsgi-once-a.service
wsgi-once-a.socket
wsgi-once-c.service
wsgi-once-c.socket"
}

# ---- files ----

@test "files of packages, and those of the administrator in front of them" {
  mkdir -p "$ROOT"/usr/lib/wsgi-once "$ROOT"/usr/local/lib/wsgi-once
  local name
  for name in a b c masked emptied; do lines Spare=1 >"$ROOT/usr/lib/wsgi-once/$name.conf"; done
  for name in b c; do lines Spare=2 >"$ROOT/usr/local/lib/wsgi-once/$name.conf"; done
  lines Spare=3 | app c
  ln -s /dev/null "$CONF/masked.conf"
  : | app emptied
  run -0 generate
  equal "$(written)" "wsgi-once-a.service
wsgi-once-a.socket
wsgi-once-b.service
wsgi-once-b.socket
wsgi-once-c.service
wsgi-once-c.socket"
  for name in a:1 b:2 c:3; do
    contains "$(unit "wsgi-once-${name%:*}.service")" " --spare=${name#*:} "
  done
}

@test "a bad file of the administrator is not replaced by the package's" {
  mkdir -p "$ROOT/usr/lib/wsgi-once"
  lines >"$ROOT/usr/lib/wsgi-once/a.conf"
  lines Spare=0 | app a
  run -78 generate
  equal "$(written)" ""
}

@test "hidden files and those of other kinds are not looked at" {
  lines | tee "$CONF/.a.conf" "$CONF/a.conf~" "$CONF/a.conf.dpkg-old" "$CONF/conf" >"$CONF/.conf"
  run -0 generate
  equal "$(written)" ""
}

@test "no directory is no error" {
  rmdir "$CONF"
  run -0 generate
}

@test "what is not a file, or cannot be read, is reported and keeps nobody waiting" {
  mkfifo "$CONF/fifo.conf"
  mkdir "$CONF/directory.conf"
  ln -s nowhere "$CONF/dangling.conf"
  ln -s circle.conf "$CONF/circle.conf"
  ln -s /dev/zero "$CONF/zero.conf"
  lines | app secret
  chmod 0 "$CONF/secret.conf"
  head -c 1048577 /dev/zero | tr '\0' '#' | app large
  lines | app good
  # root can read everything
  local capabilities=-dac_override,-dac_read_search
  run -78 privately setpriv --inh-caps="$capabilities" --bounding-set="$capabilities" \
    timeout 60 "$GENERATOR" --root="$ROOT" "$OUT"
  equal "$(reports | sed "s|^$CONF/||")" \
    "circle.conf: cannot be read: Too many levels of symbolic links
dangling.conf: cannot be read: No such file or directory
directory.conf: is not a file
fifo.conf: is not a file
large.conf: cannot be read: File too large
secret.conf: cannot be read: Permission denied
zero.conf: is not a file"
  equal "$(written)" $'wsgi-once-good.service\nwsgi-once-good.socket'
}

@test "a directory that cannot be read is reported" {
  chmod 0 "$CONF"
  run -78 privately setpriv --inh-caps=-dac_override,-dac_read_search \
    --bounding-set=-dac_override,-dac_read_search "$GENERATOR" --root="$ROOT" "$OUT"
  chmod 755 "$CONF"
  equal "$(reports)" "$CONF: cannot be read: Permission denied"
}

@test "a file may be 128K long, and no longer" {
  { lines && head -c 200000 /dev/zero | tr '\0' '#'; } | head -c 131072 | app a
  run -0 generate
  rm -r "${OUT:?}"/*
  echo >>"$CONF/a.conf"
  run -78 generate
  equal "$(written)" ""
}

@test "a thousand files" {
  local i
  for i in $(seq 1000); do
    lines "Directory=/srv/$i" | app "app$i"
  done
  run -0 generate
  equal "$(written | wc -l)" 2000
  contains "$(unit wsgi-once-app777.service)" " --directory=/srv/777 "
}

# ---- --dry-run, --user, --root ----

@test "--dry-run shows what would be written, and writes nothing" {
  lines 'Directory=/a b' '[Service]' MemoryMax=2G '[Install]' WantedBy=a.target | app a
  lines '[Socket]' Accept=yes '[Unit]' After=x.service | app b
  run -0 --separate-stderr "$GENERATOR" --dry-run --root="$ROOT"
  equal "$stderr" ""
  equal "$(written)" ""
  local shown=$output actual
  run -0 generate
  # the same, from what the real run wrote
  actual=$(cd "$OUT" && sed -n 's|^# /run/systemd/generator/\([^ ]*\).*|\1|p' <<<"$shown" |
    while read -r file; do
      if [[ -L $file ]]; then
        printf '# /run/systemd/generator/%s -> %s\n\n' "$file" "$(readlink "$file")"
      else
        printf '# /run/systemd/generator/%s\n' "$file"
        cat "$file"
        echo
      fi
    done)
  equal "$shown" "$actual"
  equal "$(sed -n 's|^# /run/systemd/generator/\([^ ]*\).*|\1|p' <<<"$shown" | sort)" "$(written)"
}

@test "--dry-run FILE looks at files that lie anywhere, and at no others" {
  lines Spare=0 | app bad
  lines >"$BATS_TEST_TMPDIR/mine.conf"
  run -0 --separate-stderr "$GENERATOR" --dry-run --root="$ROOT" "$BATS_TEST_TMPDIR/mine.conf"
  contains "$output" "wsgi-once-mine.socket"
  equal "$stderr" ""
  run -78 --separate-stderr "$GENERATOR" --dry-run "$BATS_TEST_TMPDIR/mine.conf" "$CONF/bad.conf" \
    "$CONF/none.conf"
  contains "$output" "wsgi-once-mine.socket"
  contains "$stderr" "$CONF/bad.conf:3: Spare"
  contains "$stderr" "$CONF/none.conf: cannot be read: No such file"
  # whose directory is not known need not be
  run -0 --separate-stderr env -u HOME "$GENERATOR" --dry-run --user "$BATS_TEST_TMPDIR/mine.conf"
  equal "$stderr" ""
}

@test "--dry-run says when it could not print" {
  lines | app a
  run -78 bash -c '"$0" --dry-run --root="$1" >/dev/full' "$GENERATOR" "$ROOT"
  contains "$output" "cannot be written whole: No space left on device"
}

@test "the apps of a user" {
  local home=$BATS_TEST_TMPDIR/home
  mkdir -p "$ROOT$home/.config/wsgi-once" "$ROOT$home/elsewhere/wsgi-once"
  lines '[Socket]' Accept=yes >"$ROOT$home/.config/wsgi-once/mine.conf"
  lines >"$ROOT$home/elsewhere/wsgi-once/other.conf"
  lines | app system
  HOME=$home run -0 generate --user
  # its template has no lean sandbox: the one of users is
  equal "$(written)" "wsgi-once-mine.socket
wsgi-once-mine.socket.d/50-app.conf
wsgi-once-mine@.service"
  contains "$(unit wsgi-once-mine.socket)" $'\nListenStream=%t/wsgi-once/mine.sock'

  rm -r "${OUT:?}"/*
  SYSTEMD_SCOPE=user HOME=$home run -0 generate
  [[ -f $OUT/wsgi-once-mine.socket ]]
  rm -r "${OUT:?}"/*
  SYSTEMD_SCOPE=system HOME=$home run -0 generate
  [[ -f $OUT/wsgi-once-system.socket ]]
  rm -r "${OUT:?}"/*
  HOME=$home XDG_CONFIG_HOME=$home/elsewhere run -0 generate --user
  [[ -f $OUT/wsgi-once-other.socket && ! -e $OUT/wsgi-once-mine.socket ]]
  # one that is not absolute is to be ignored: XDG Base Directory Specification
  rm -r "${OUT:?}"/*
  HOME=$home XDG_CONFIG_HOME=elsewhere run -0 generate --user
  [[ -f $OUT/wsgi-once-mine.socket ]]
}

@test "problems of a user's apps go to standard error" {
  mkdir -p "$ROOT/home/wsgi-once"
  lines Spare=0 >"$ROOT/home/wsgi-once/a.conf"
  XDG_CONFIG_HOME=/home run -78 generate --user
  contains "$output" "wsgi-once-generator: $ROOT/home/wsgi-once/a.conf:3: Spare"
  equal "$(reports)" ""
  run -78 env -u HOME "$GENERATOR" --user "$OUT"
  contains "$output" "HOME"
}

@test "a percent sign in the path of the files is none of systemd's specifiers" {
  ROOT+=/50%h
  mkdir -p "$ROOT/etc/wsgi-once"
  lines >"$ROOT/etc/wsgi-once/a.conf"
  run -0 generate
  contains "$(unit wsgi-once-a.socket)" "SourcePath=${ROOT/\%/%%}/etc/wsgi-once/a.conf"
}

# ---- the command line ----

@test "--help and --version" {
  run -0 --separate-stderr "$GENERATOR" --help
  contains "$output" "Usage: wsgi-once-generator NORMAL-DIR"
  equal "$(sed -nE 's/^  (--[a-z-]+).*/\1/p' <<<"$output" | sort)" \
    "$(sed -nE 's/^\.It Fl (-[a-z-]+).*/-\1/p' "$TESTS/../src/wsgi-once-generator.8" | sort)"
  run -0 --separate-stderr "$GENERATOR" --version
  [[ $output =~ ^wsgi-once\ [0-9]+(\.[0-9]+)+$ ]]
  run -74 bash -c '"$0" --help >/dev/full' "$GENERATOR"
}

@test "a wrong command line" {
  local arguments
  for arguments in "" "--user" "$OUT $OUT" "$OUT $OUT $OUT $OUT" "--nothing $OUT" "--dry-run=x" \
    "--root"; do
    # shellcheck disable=SC2086 # words
    run -64 --separate-stderr privately "$GENERATOR" $arguments
    equal "$output" ""
    [[ -n $stderr ]]
  done
  equal "$(reports)" ""
}

# ---- writing, and telling ----

@test "units that cannot be written are reported" {
  lines '[Install]' WantedBy=a.target | app a
  rmdir "$OUT"
  run -78 generate
  contains "$(reports)" "$OUT/wsgi-once-a.socket: cannot be written: No such file or directory"
  contains "$(reports)" "$OUT/a.target.wants: cannot be made: No such file or directory"
}

@test "units are not written over what is there, nor through a link" {
  lines | app a
  echo before >"$BATS_TEST_TMPDIR/target"
  ln -s "$BATS_TEST_TMPDIR/target" "$OUT/wsgi-once-a.socket"
  run -78 generate
  contains "$(reports)" "$OUT/wsgi-once-a.socket: cannot be written: File exists"
  equal "$(cat "$BATS_TEST_TMPDIR/target")" before
}

@test "a full file system is reported" {
  lines | app a
  # room for one page: the first file
  run -78 privately sh -c 'mount -t tmpfs -o size=4k none "$2" && exec "$0" --root="$1" "$2"' \
    "$GENERATOR" "$ROOT" "$OUT"
  contains "$(reports)" "wsgi-once-a.service: cannot be written whole: No space left on device"
}

@test "systemd's generators report to the kernel's log, one line each" {
  lines Spare=0 Spare=$'a\tb' Nothing=x | app a
  run -78 --separate-stderr generate
  equal "$output$stderr" ""
  equal "$(grep -cE "^<27>wsgi-once-generator\[[0-9]+\]: $CONF/a.conf:[345]: " "$KERNEL_LOG")" 3
  equal "$(wc -l <"$KERNEL_LOG")" 3
  contains "$(reports)" "Spare: 'a?b' is not"
  # the kernel takes no longer ones
  run -1 grep -E '^.{960}' "$KERNEL_LOG"
}

@test "where the kernel's log cannot be opened, reports go to standard error" {
  lines Spare=0 | app a
  rm "$KERNEL_LOG"
  mkdir "$KERNEL_LOG"
  run -78 --separate-stderr unshare --mount sh -c '
    mount -t tmpfs none /dev && exec "$0" --root="$1" "$2"' "$GENERATOR" "$ROOT" "$OUT"
  contains "$stderr" "wsgi-once-generator: $CONF/a.conf:3: Spare"
}

# ---- systemd's opinion ----

# verified NAME...: systemd finds nothing in these units, with the drop-ins that are installed, and
# the program and the lean sandbox from here.
verified() {
  local directory=$BATS_TEST_TMPDIR/units program
  program=$(realpath "$PROGRAM")
  rm -rf "$directory"
  cp -R "$OUT" "$directory"
  find "$directory" -name '*.service' -exec sed -i "s|^ExecStart=[^ ]*|ExecStart=$program|" {} +
  find "$directory" -name 20-lean.conf -exec ln -sf "$TESTS/../systemd/lean.conf" {} \;
  cp -R "$TESTS"/../systemd/system/* "$directory"
  SYSTEMD_UNIT_PATH=$directory:/lib/systemd/system run -0 systemd-analyze verify --man=no \
    "${@/#/"$directory"/}"
  equal "$output" ""
}

@test "systemd finds nothing in the units: a listener" {
  lines | app blog
  run -0 generate
  verified wsgi-once-blog.socket wsgi-once-blog.service
  # the control
  echo "Nothing=1" >>"$OUT/wsgi-once-blog.service"
  run ! verified wsgi-once-blog.service
  contains "$output" "Nothing"
}

@test "systemd finds nothing in the units: a process for each connection" {
  lines '[Socket]' Accept=yes ListenStream=127.0.0.1:8000 | app hook
  run -0 generate
  cp "$OUT/wsgi-once-hook@.service" "$OUT/wsgi-once-hook@1.service"
  verified wsgi-once-hook.socket wsgi-once-hook@1.service
}

@test "systemd finds nothing in the units: everything set" {
  lines 'Directory=/a b/"c"/\d/$e/;/%%/ü' PythonPath=/a PythonPath=%h/b Venv=/srv/venv Mount=/blog \
    MaxRequestLine=4K MaxFieldSection=16K MaxFields=50 MaxContent=1G HeadTimeout=5 ReadTimeout=5 \
    WriteTimeout=5 RequestTimeout=1min LingerTimeout=1 Spare=3 MaxWorkers=5 Import=server \
    ImportTimeout=1min WarmUp=/login?a=%%41 IdleTimeout=90 StopTimeout=10 Reload=on \
    LeftoverTimeout=1 LimitCpu=5 LimitMemory=256M LimitFiles=64 LimitProcesses=32 '[Unit]' \
    After=network.target '[Service]' MemoryMax=2G 'Environment="A=b c" D=e' \
    ReadWritePaths=/srv '[Socket]' ListenStream=127.0.0.1:8000 \
    ListenStream=/run/wsgi-once/blog.sock SocketMode=0600 '[Install]' 'WantedBy=sockets.target' |
    app blog
  run -0 generate
  verified wsgi-once-blog.socket wsgi-once-blog.service
}
