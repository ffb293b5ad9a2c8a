#!/usr/bin/env bats
# ways: one
# lasts: 28 s
#
# Another application takes over from the one that runs. Each test changes an app of its own, which
# answers with a word. That no connection is lost meanwhile is seen in 47-load.bats.

load server

# More than the setup of helpers.bash.
eval "basic_$(declare -f setup)"
setup() {
  basic_setup
  SITE=$BATS_TEST_TMPDIR/site
  mkdir "$SITE"
}

# app WORD [LINE]...: prints an app that answers with the word, after these lines. /hold: the
# beginning of the answer comes at once, and the word when the test lets go. Each import leaves a
# line in a file.
app() {
  local word=$1
  shift
  cat <<END
import os

$(printf '%s\n' "$@")
FIFOS = os.environ["FIFOS"]
WORD = "$word"
with open(FIFOS + "/imports", "a") as file:
    print(WORD, file=file)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/hold":
        with open(FIFOS + "/begun", "w") as begun:
            print(os.getpid(), file=begun)
        yield b"the beginning, "
        with open(FIFOS + "/end") as end:
            end.read()
    yield WORD.encode() + b"\n"
END
}

# Lines of an app: its import waits for begin_import and for end_import.
HELD='for fifo in "w", "r":
    open(os.environ["FIFOS"] + "/import" + fifo, fifo).close()'

hold_imports() {
  mkfifo "$FIFOS/importw" "$FIFOS/importr"
}

begin_import() {
  read_fifo "$FIFOS/importw"
}

# shellcheck disable=SC2016 # it is for the other shell
end_import() {
  timeout 20 sh -c ': >"$FIFOS/importr"'
}

# write NAME: standard input becomes the content of a file of the app, in place.
write() {
  cat >"$SITE/$1"
}

# replace NAME: the same by way of another file, so that none ever sees a half.
replace() {
  cat >"$BATS_TEST_TMPDIR/replacement"
  mv "$BATS_TEST_TMPDIR/replacement" "$SITE/$1"
}

serve_site() {
  serve_on --python-path="$SITE" "$@" shop:app
}

answers() {
  [[ $(http /) == "$1" ]]
}

has_one_template() {
  [[ $(template) =~ ^[0-9]+$ ]]
}

# becomes WORD: waits until that app has taken over, and nobody of another one waits for connections
# any more: they would be children of the server, too.
becomes() {
  eventually answers "$1"
  eventually has_one_template
}

# is_settled TEMPLATE: another template has taken over, and nobody of the old one waits for
# connections any more: they would be children of the server now.
is_settled() {
  local now
  now=$(template) || :
  [[ $now =~ ^[0-9]+$ && $now != "$1" ]]
}

# reload: tells the server to, and waits until the new app has taken over.
reload() {
  local old
  old=$(template)
  kill -HUP "$SERVER"
  eventually is_settled "$old"
}

# stays WORD: all requests are answered by that app, from the same server.
stays() {
  local n
  for n in {1..6}; do
    equal "$(http /)" "$1"
  done
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(cat "$STATUSES")" ""
}

@test "SIGHUP: new requests get the new app, a running one ends with the old one" {
  for where in server worker; do
    app one | replace shop.py
    serve_site --import="$where"
    stays one
    hold
    app two | replace shop.py
    reload
    stays two
    finishes "the beginning, one"
    stays two
  done
  not_logged Traceback
}

@test "SIGHUP: the modules of the app are imported anew, too" {
  app one "from goods import price" 'print("price:", price, flush=True)' | replace shop.py
  echo "price = 5" | replace goods.py
  serve_site
  logged "price: 5"
  echo "price = 6" | replace goods.py
  reload
  logged "price: 6"
}

@test "SIGHUP: an app that cannot be imported is logged, and the old one goes on" {
  local broken=(
    "def :"                                              # a syntax error
    "import no_such_module"                              # an exception
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)" # the process dies
    "import sys; sys.exit(3)"                            # it wants to end
    "import os; os._exit(3)"                             # it ends without a word
    "import os; os._exit(0)"                             # even with success
    "del app"                                            # there is none
  )
  for line in "${broken[@]}"; do
    app one | replace shop.py
    serve_site
    : >"$LOG"
    local old
    old=$(template)
    { app broken; echo "$line"; } | replace shop.py
    kill -HUP "$SERVER"
    logged "cannot reload"
    eventually equal "$(template)" "$old"
    case $line in
      def*) grep -F "SyntaxError" "$LOG" && grep -F "shop.py" "$LOG" ;;
      *no_such*) grep -F "Traceback" "$LOG" && grep -F "no_such_module" "$LOG" ;;
      *SIGKILL*) grep -F "signal 9" "$LOG" ;;
      del*) grep -F "shop:app" "$LOG" ;;
    esac
    stays one
    app fixed | replace shop.py
    reload
    stays fixed
  done
}

# To the server, its templates, its workers.
signal_all() {
  local all
  mapfile -t all < <(processes)
  kill -s "$1" "${all[@]}"
}

@test "SIGHUP to all processes is a reload, too: running requests finish" {
  for where in server worker; do
    app one | replace shop.py
    serve_site --import="$where" --spare=2
    hold
    app two | replace shop.py
    local old
    old=$(template)
    signal_all HUP
    eventually is_settled "$old"
    stays two
    finishes "the beginning, one"
    stays two
  done
  equal "$(grep -v "^wsgi-once: reloaded" "$LOG")" ""
}

@test "SIGHUP to all processes during the first import is not lost, and harms nobody" {
  for where in server worker; do
    rm -f "$FIFOS"/import[wr]
    hold_imports
    app one "$HELD" | replace shop.py
    serve --idle-timeout=0 --import="$where" --python-path="$SITE" shop:app
    http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
    local waiting=$!
    begin_import
    find_server
    app two | replace shop.py
    signal_all HUP
    end_import
    wait "$waiting"
    [[ $(cat "$BATS_TEST_TMPDIR/answer") == @(one|two) ]]
    eventually answers two
    stays two
  done
}

@test "SIGHUP to all processes while a new app is being imported does not end its import" {
  hold_imports
  app one | replace shop.py
  serve_site
  hold
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  app three | replace shop.py
  signal_all HUP
  stays one # the signal has arrived, as well
  end_import
  eventually answers three
  equal "$(cat "$FIFOS/imports")" $'one\ntwo\nthree'
  finishes "the beginning, one"
  not_logged "cannot reload"
}

@test "SIGHUP: while a new app is being imported the old one serves" {
  hold_imports
  app one | replace shop.py
  serve_site
  app two "$HELD" | replace shop.py
  local old
  old=$(template)
  kill -HUP "$SERVER"
  begin_import
  stays one
  end_import
  eventually is_settled "$old"
  stays two
}

@test "SIGHUP: a second one is not lost while a new app is being imported" {
  hold_imports
  app one | replace shop.py
  serve_site
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  app three | replace shop.py
  kill -HUP "$SERVER"
  stays one # the signal has arrived, as well
  end_import
  eventually answers three
  equal "$(tail -n 1 "$FIFOS/imports")" three
}

@test "SIGHUP: many in a row end with the newest app" {
  app 0 | replace shop.py
  serve_site
  for n in {1..20}; do
    app "$n" | replace shop.py
    kill -HUP "$SERVER"
  done
  eventually answers 20
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  not_logged "cannot reload"
}

@test "SIGHUP: during the first import it is not lost, and harms nobody" {
  hold_imports
  app one "$HELD" | replace shop.py
  serve --idle-timeout=0 --python-path="$SITE" shop:app
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  begin_import
  find_server
  app two | replace shop.py
  kill -HUP "$SERVER"
  end_import
  wait "$waiting"
  [[ $(cat "$BATS_TEST_TMPDIR/answer") == @(one|two) ]]
  eventually answers two
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(cat "$STATUSES")" ""
}

@test "SIGHUP: it reloads what has not changed, too, and each time" {
  app one | replace shop.py
  serve_site
  for n in {2..6}; do
    reload
    equal "$(wc -l <"$FIFOS/imports")" "$n"
    stays one
  done
  not_logged Traceback
}

@test "SIGTERM while a new app is being imported ends all" {
  hold_imports
  app one | replace shop.py
  serve_site
  hold
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  kill "$SERVER"
  eventually are_left "$SERVER" "$WORKER"
  finishes "the beginning, one"
  equal "$(exit_status)" 0
  equal "$(processes)" ""
}

@test "the idle server may end during a reload, no request is lost" {
  hold_imports
  app one | replace shop.py
  serve --idle-timeout=1ms --python-path="$SITE" shop:app
  hold
  find_server
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  finishes "the beginning, one"
  # The old one leaves now. Who comes has to wait for the new one, of this server or of the next.
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  end_import
  # shellcheck disable=SC2016 # it is for the other shell
  timeout 20 sh -c 'cat "$FIFOS/importw" && : >"$FIFOS/importr"' 3>&- &
  local next_import=$!
  wait "$waiting"
  [[ $(cat "$BATS_TEST_TMPDIR/answer") == @(one|two) ]]
  kill "$next_import" 2>/dev/null || :
  equal "$(exit_status)" 0
}

@test "--reload: a source file that is written, or replaced, is reloaded" {
  app one | write shop.py
  serve_site --reload
  stays one
  app two | write shop.py
  eventually answers two
  app three | replace shop.py
  eventually answers three
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
}

@test "--reload: an app that was named as a file is reloaded, too" {
  app one | write shop.wsgi
  sed -i 's/^def app(/def application(/' "$SITE/shop.wsgi"
  serve_on --reload "$SITE/shop.wsgi"
  equal "$(http /)" one
  app two | sed 's/^def app(/def application(/' | write shop.wsgi
  eventually answers two
  app three | sed 's/^def app(/def application(/' | replace shop.wsgi
  eventually answers three
}

@test "--reload: a file that comes beside it, or goes, is a change" {
  app one 'try:
    from goods import price
except ImportError:
    price = None' | sed 's/^WORD = .*/WORD = f"price {price}"/' | write shop.py
  serve_site --reload
  equal "$(http /)" "price None"
  echo "price = 5" | write goods.py
  eventually answers "price 5"
  rm "$SITE/goods.py"
  eventually answers "price None"
  echo "price = 6" | replace goods.py
  eventually answers "price 6"
}

@test "--reload: a module of a package in a subdirectory is a source, too" {
  mkdir -p "$SITE/goods/tools"
  : | tee "$SITE/goods/__init__.py" >"$SITE/goods/tools/__init__.py"
  echo "price = 5" | write goods/tools/hammers.py
  app one "from goods.tools.hammers import price" | sed 's/^WORD = .*/WORD = f"price {price}"/' |
    write shop.py
  serve_site --reload
  equal "$(http /)" "price 5"
  echo "price = 6" | write goods/tools/hammers.py
  eventually answers "price 6"
  echo "price = 7" | replace goods/tools/hammers.py
  eventually answers "price 7"
}

@test "--reload: a module that only the new app imports is watched from then on" {
  mkdir "$SITE/goods"
  echo "price = 5" | write goods/hammers.py
  app one | write shop.py
  serve_site --reload
  app two "from goods.hammers import price" | sed 's/^WORD = .*/WORD = f"price {price}"/' |
    write shop.py
  eventually answers "price 5"
  echo "price = 6" | write goods/hammers.py
  eventually answers "price 6"
}

@test "--reload: broken source is logged and leaves the old app, until it is fixed" {
  app one | write shop.py
  serve_site --reload
  echo "def :" | write shop.py
  logged SyntaxError
  logged "cannot reload"
  stays one
  app two | write shop.py
  becomes two
  stays two
}

@test "--reload: a change while the new app is being imported is not lost" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  app two "$HELD" | write shop.py
  begin_import
  app three | write shop.py
  end_import
  eventually answers three
}

@test "--reload: a change during the first import is not lost" {
  hold_imports
  app one "$HELD" | write shop.py
  serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  begin_import
  find_server
  app two | write shop.py
  end_import
  wait "$waiting"
  eventually answers two
}

@test "--reload: the request after a save gets the new code, though time and size are the same" {
  unset PYTHONDONTWRITEBYTECODE
  echo "price = 1000" | write goods.py
  touch -d "2020-01-01 00:00" "$SITE/goods.py"
  app one "from goods import price" | sed 's/^WORD = .*/WORD = str(price)/' | write shop.py
  serve_site --reload
  local n
  for n in {1001..1010}; do
    echo "price = $n" | write goods.py
    touch -d "2020-01-01 00:00" "$SITE/goods.py"
    equal "$(http /)" "$n"
  done
  for n in {1011..1020}; do
    echo "price = $n" | replace goods.py
    equal "$(http /)" "$n"
  done
}

@test "--reload: a request on a connection from before the save gets the new code" {
  app one | write shop.py
  serve_site --reload
  mkfifo "$FIFOS/connected" "$FIFOS/saved"
  talk meet "$FIFOS/connected" meet "$FIFOS/saved" send 'GET / HTTP/1.0\r\n\r\n' read \
    >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local client=$!
  read_fifo "$FIFOS/connected"
  app two | write shop.py
  read_fifo "$FIFOS/saved"
  wait "$client"
  equal "$(tail -n 1 "$BATS_TEST_TMPDIR/answer")" two
}

@test "--reload: while a new app is being imported, requests wait for it" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  app two "$HELD" | write shop.py
  begin_import
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  come_and_go 1
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" ""
  end_import
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" two
}

@test "--reload: SIGHUP makes requests wait as well" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  export WORD_NOW=two
  app one "$HELD" >"$BATS_TEST_TMPDIR/new"
  cp --preserve=timestamps "$BATS_TEST_TMPDIR/new" "$SITE/shop.py"
  begin_import
  end_import
  eventually has_one_template
  kill -HUP "$SERVER"
  begin_import
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  come_and_go 1
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" ""
  end_import
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" one
}

@test "--reload: a start with broken code does not end it, and the fix is served" {
  local broken=(
    "def :"
    "import no_such_module"
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    "import sys; sys.exit(3)"
    "import os; os._exit(0)"
    "del app"
  )
  for line in "${broken[@]}"; do
    : >"$LOG"
    { app broken; echo "$line"; } | write shop.py
    serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
    equal "$(status /)" 500
    find_server
    equal "$(status /)" 500
    app one | write shop.py
    equal "$(http /)" one
    app two | replace shop.py
    equal "$(http /)" two
    stays two
  done
}

@test "--reload: an import that hangs when it is tried again is ended by --import-timeout" {
  local template
  serve --idle-timeout=0 --reload --import-timeout=100ms --spare=2 hangs_at_import:app
  equal "$(status /)" 500
  find_server
  template=$(pgrep -P "$SERVER")
  kill -STOP "$template" # so that nothing it says wakes the server up
  equal "$(status /)" 500
  kill -CONT "$template"
  equal "$(grep -c "import timed out (--import-timeout)" "$LOG")" 2
}

@test "--reload: a fix that is no source is served, too" {
  app one 'open(os.environ["FIFOS"] + "/needed").close()' | write shop.py
  serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
  equal "$(status /)" 500
  touch "$FIFOS/needed"
  equal "$(http /)" one
}

@test "--reload: an app that is not there yet is served once it is" {
  serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
  equal "$(status /)" 500
  app one | write shop.py
  equal "$(http /)" one
  rm "$SITE/shop.py"
  equal "$(http /)" one
  logged "cannot reload"
  app two | write shop.py
  equal "$(http /)" two
}

@test "--reload: what only the broken app imports is looked at for the fix" {
  mkdir "$SITE/goods"
  echo "price =" | write goods/hammers.py
  app one | write shop.py
  serve_site --reload
  app two "import goods.hammers" | write shop.py
  equal "$(http /)" one
  echo "price = 5" | write goods/hammers.py
  equal "$(http /)" two
}

@test "--reload: a server without anything to do ends, broken or not" {
  serve --reload hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  serve --reload no_such_module:app
  equal "$(status /)" 500
  equal "$(exit_status)" 70
}

# was_imported WORD: that app is the last one that was.
was_imported() {
  [[ $(tail -n 1 "$FIFOS/imports") == "$1" ]]
}

# app_file NAME WORD: an app of this file.
app_file() {
  app "$2" | sed 's/^def app(/def application(/' | write "$1"
}

@test "--reload: an app file of any name, below any directory, is a source" {
  local name
  for name in app.cgi app my-packages/app.py dist-packages/app.wsgi site-packages/app; do
    mkdir -p "$SITE/${name%app*}"
    app_file "$name" one
    serve_on --reload "$SITE/$name"
    equal "$(http /)" one
    app_file "$name" two
    eventually was_imported two # not by a request
    equal "$(http /)" two
    app_file "$name" six
    equal "$(http /)" six
  done
}

@test "--reload: an app file that is a link is as its target is" {
  mkdir "$SITE/elsewhere" "$SITE/again"
  for name in app.py app; do
    app_file "elsewhere/$name" one
    app_file "again/$name" ten
    ln -s "elsewhere/$name" "$SITE/$name"
    serve_on --reload "$SITE/$name"
    equal "$(http /)" one
    app_file "elsewhere/$name" two
    eventually was_imported two # not by a request
    equal "$(http /)" two
    ln -sfn "again/$name" "$SITE/$name"
    equal "$(http /)" ten
  done
}

@test "--reload: an app that changes its sources whenever it is imported answers nevertheless" {
  app one 'with open(os.path.dirname(__file__) + "/version.py", "a") as file:
    print("version = 1", file=file)' | write shop.py
  serve_site --reload
  equal "$(http / --max-time 10)" one
  equal "$(http / --max-time 10)" one
}

@test "--reload: a request waits for a worker that is busy, and then for the code" {
  app one | write shop.py
  serve_site --reload --max-workers=1
  hold
  http / >"$BATS_TEST_TMPDIR/waits" 3>&- &
  local waits=$!
  app two | write shop.py
  finishes "the beginning, one"
  wait "$waits"
  [[ $(cat "$BATS_TEST_TMPDIR/waits") == @(one|two) ]]
  equal "$(http /)" two
}

@test "--reload: clients that say nothing are sent away after --head-timeout, and are in no way" {
  serve_on --reload --head-timeout=100ms hello:app
  local n clients=()
  for n in 1 2 3 4; do
    mkfifo "$FIFOS/connected$n"
    talk meet "$FIFOS/connected$n" read >/dev/null 3>&- &
    clients+=($!)
    read_fifo "$FIFOS/connected$n"
  done
  equal "$(http /)" "Hello."
  wait "${clients[@]}"
}

# The import leaves a process behind that ends when the test lets it, the first time.
# shellcheck disable=SC2016 # it is for the other shell
LEAVES='import subprocess
if not os.path.exists(os.environ["FIFOS"] + "/left"):
    os.mkfifo(os.environ["FIFOS"] + "/left")
    subprocess.Popen(["sh", "-c", "trap : TERM; until cat \"$FIFOS/left\"; do :; done"])'

@test "--reload: whoever comes when the idle server only waits for other processes is not lost" {
  local first waiting
  local -A statuses=([200]=0 [500]=70)
  for first in 200 500; do
    stop
    : >"$STATUSES"
    rm -f "$FIFOS/left" "$FIFOS/mended"
    app one "$LEAVES" "assert $first == 200 or os.path.exists('$FIFOS/mended')" | write shop.py
    serve --reload --idle-timeout=100ms --leftover-timeout=0 --python-path="$SITE" shop:app
    equal "$(status /)" "$first"
    find_server
    eventually are_left "$SERVER"
    http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
    waiting=$!
    come_and_go 1
    run ! is_gone "$SERVER"
    : >"$FIFOS/mended"
    write_fifo "$FIFOS/left"
    wait "$waiting"
    equal "$(cat "$BATS_TEST_TMPDIR/answer")" one
    equal "$(head -n 1 "$STATUSES")" "${statuses[$first]}"
  done
}

# may_open N: from now on the server can have so many descriptors.
may_open() {
  prlimit --pid "$SERVER" --nofile="$1:"
}

sleeps() {
  grep -q "^State:.S" "/proc/$SERVER/status"
}

count_descriptors() {
  find "/proc/$SERVER/fd" -type l | wc -l
}

expect_guests() {
  eventually sleeps # else it may be about to close some
  DESCRIPTORS=$(count_descriptors)
}

# has_guests N: the server has accepted so many since it was to expect them.
has_guests() {
  sleeps && (($(count_descriptors) == DESCRIPTORS + $1)) && sleeps
}

@test "--reload: clients wait while the server has no descriptors left, and it does not spin" {
  serve_on --reload hello:app
  may_open 6 # else poll(2) fails, too
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  logged "cannot accept connections for now: Too many open files"
  eventually sleeps
  come_and_go 1
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" ""
  may_open 1024
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" Hello.
  equal "$(grep -c "cannot accept" "$LOG")" 1
}

@test "--reload: whoever waits in a server that cannot go on is answered 500" {
  app one | write shop.py
  serve_on --reload --max-workers=1 --python-path="$SITE" shop:app
  hold
  local first
  first=$(template)
  expect_guests
  status / >"$BATS_TEST_TMPDIR/status" 3>&- &
  local waiting=$!
  talk read >"$BATS_TEST_TMPDIR/silent" 3>&- &
  local silent=$!
  eventually has_guests 2
  may_open 6
  kill -KILL "$first"
  finishes "the beginning, one"
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/status")" 500
  wait "$silent"
  contains "$(cat "$BATS_TEST_TMPDIR/silent")" "HTTP/1.1 500 "
  equal "$(exit_status)" 70
}

has_taken_signals() {
  grep -qx "ShdPnd:.0*" "/proc/$SERVER/status"
}

@test "--reload: SIGHUP again and again does not keep a client from code that is new enough" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  app two "$HELD" | write shop.py
  begin_import
  expect_guests
  mkfifo "$FIFOS/asked"
  talk send 'GET / HTTP/1.0\r\n\r\n' meet "$FIFOS/asked" read >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  read_fifo "$FIFOS/asked"
  eventually has_guests 1
  for _ in 1 2; do
    kill -HUP "$SERVER"
    eventually has_taken_signals
    end_import
    begin_import # of the next one
  done
  wait "$waiting"
  equal "$(tail -n 1 "$BATS_TEST_TMPDIR/answer")" two
}

@test "--reload: an import that writes sources does not make for reloads without end" {
  app one 'directory = os.path.dirname(__file__)
with open(directory + "/same.py", "w") as file:
    print("version = 1", file=file)
with open(directory + "/version.py", "a") as file:
    print("version = 1", file=file)' | write shop.py
  serve_site --reload
  reload_another
  local imports
  imports=$(wc -l <"$FIFOS/imports")
  reload_another
  equal "$(wc -l <"$FIFOS/imports")" "$imports"
  sed -i 's/^WORD = .*/WORD = "two"/' "$SITE/shop.py"
  eventually was_imported two # not by a request
  equal "$(http /)" two
  sed -i 's/^WORD = .*/WORD = "three"/' "$SITE/shop.py"
  equal "$(http /)" three
}

@test "--reload: a directory that is named by a link, from wherever, is as its target is" {
  mkdir "$SITE/v1" "$SITE/v2"
  app one | write v1/shop.py
  app two | write v2/shop.py
  cd "$SITE"
  local options
  for options in --directory="$SITE/now" --directory=now --python-path=now \
    "--directory=.. --python-path=${SITE##*/}/now" now/shop.py; do
    ln -sfn v1 now
    [[ $options == */shop.py ]] || options+=" shop"
    # shellcheck disable=SC2086 # these are several
    serve_on --reload $options:app
    equal "$(http /)" one
    ln -sfn v2 now
    equal "$(http /)" two
  done
}

@test "--reload: a directory that comes, and what comes into it, may be a package" {
  app one | write shop.py
  serve_site --reload
  app two "import goods.tools.hammers" | write shop.py
  equal "$(http /)" one
  mkdir -p "$SITE/goods"
  equal "$(http /)" one
  mkdir "$SITE/goods/tools"
  equal "$(http /)" one
  echo "price = 5" | write goods/tools/hammers.py
  equal "$(http /)" two
  mkdir -p "$BATS_TEST_TMPDIR/all/at/once"
  echo "price = 6" >"$BATS_TEST_TMPDIR/all/at/once/nails.py"
  app three "import all.at.once.nails" | write shop.py
  equal "$(http /)" two
  mv "$BATS_TEST_TMPDIR/all" "$SITE"
  equal "$(http /)" three
}

# is_waiting SPARE: it has nothing more to do until a connection comes.
is_waiting() {
  [[ -n $1 && $(sed -n 's/^State:.\(.\).*/\1/p' "/proc/$1/status") == S ]]
}

# has_one_spare [OTHER]: and that is not the other one. Sets SPARE.
has_one_spare() {
  SPARE=$(pgrep -P "$TEMPLATE")
  [[ $SPARE =~ ^[0-9]+$ && $SPARE != "${1-}" ]] && is_waiting "$SPARE"
}

@test "--reload: spares that the server has not heard of leave without a word when it is killed" {
  serve_on --reload --spare=1 hello:app
  TEMPLATE=$(template)
  eventually has_one_spare
  kill -STOP "$SERVER"
  kill -KILL "$SPARE"
  eventually has_one_spare "$SPARE"
  kill -KILL "$SERVER"
  eventually none_is_left
  not_logged "cannot accept"
}

# What is no source is changed first; then the server of another socket has the time to notice a
# change of its own source and to reload, which is what the first one should not have done.
@test "--reload: other files are no change" {
  app one | write shop.py
  mkdir "$SITE/empty"
  serve_site --reload
  equal "$(wc -l <"$FIFOS/imports")" 1
  local old
  old=$(template)
  mkdir "$SITE/__pycache__" "$SITE/.git"
  for name in notes.txt .shop.py.swp shop.py~ shop.pyc py __pycache__/shop.cpython-312.pyc \
    empty/unrelated.py; do
    echo "x = 1" | write "$name"
    echo "x = 2" | replace "$name"
  done
  rm "$SITE/notes.txt"
  cat "$SITE/shop.py" >"$BATS_TEST_TMPDIR/read"
  reload_another
  equal "$(template)" "$old"
  equal "$(wc -l <"$FIFOS/imports")" 1
  app two | write shop.py
  eventually answers two
  equal "$(cat "$FIFOS/imports")" $'one\ntwo'
}

reload_another() {
  (
    ACTIVATOR=
    SITE=$BATS_TEST_TMPDIR/another
    mkdir -p "$SITE"
    STATUSES=$SITE/statuses
    : >"$STATUSES"
    trap stop EXIT
    app one | grep -v imports | sed '/^WORD/,/print/{/^WORD/!d}' >"$SITE/other.py"
    serve --idle-timeout=0 --reload --python-path="$SITE" other:app 2>/dev/null
    for word in one two three; do
      sed -i "s/^WORD = .*/WORD = '$word'/" "$SITE/other.py"
      eventually answers "$word" || exit
    done
  )
}

@test "without --reload, a change is not looked at" {
  app one | write shop.py
  serve_site
  app two | write shop.py
  reload_another
  stays one
}

@test "--reload: with --import=worker it is refused" {
  run --separate-stderr -64 "$PROGRAM" --reload --import=worker hello:app
  says_one_line "--reload" "--import"
}

@test "a reload succeeds though there are as many workers as there may be" {
  app one | replace shop.py
  serve_site --max-workers=1
  hold
  app two | replace shop.py
  reload
  equal "$(http /)" two
  # The old request counts, too: this one waits for its end.
  http / >"$BATS_TEST_TMPDIR/waits" &
  local waits=$!
  finishes "the beginning, one"
  wait "$waits"
  equal "$(cat "$BATS_TEST_TMPDIR/waits")" two
}

is_newest_template_older_than() {
  (($(ps -o etimes= -p "$(pgrep -n -P "$SERVER")") > $1))
}

# There are four slots: for one worker, for one spare each of two templates, and for one more.
@test "a reload waits for a slot, however long that takes: its import is over" {
  local clients=() n
  app 0 | replace shop.py
  serve_site --max-workers=1 --spare=1 --import-timeout=2s
  for n in {1..4}; do
    hold
    clients+=("$HOLDING")
    app "$n" | replace shop.py
    kill -HUP "$SERVER"
  done
  logged "cannot fork a worker until another one exits"
  eventually is_newest_template_older_than 2
  not_logged "--import-timeout"
  # A child of the template before, so the server does not hear of its end.
  kill -KILL "$WORKER"
  equal "$(http /)" 4
  write_fifo "$FIFOS/end"
  for n in 0 1 2; do
    wait "${clients[n]}"
  done
  equal "$(grep -c "^wsgi-once: reloaded" "$LOG")" 4
  not_logged "cannot reload"
}

@test "what an import has started ends when another app takes over, or the server ends" {
  local start='import subprocess
with open(os.environ["FIFOS"] + "/started", "a") as file:
    print(subprocess.Popen(["sleep", "3600"]).pid, file=file)'
  app one "$start" | replace shop.py
  serve_site
  app two "$start" | replace shop.py
  reload
  local started
  mapfile -t started <"$FIFOS/started"
  equal "${#started[@]}" 2
  eventually is_gone "${started[0]}"
  run ! is_gone "${started[1]}"
  kill "$SERVER"
  equal "$(exit_status)" 0
  eventually is_gone "${started[1]}"
}

@test "a template that hangs does not keep another one from taking over" {
  app one | replace shop.py
  serve_site
  local old
  old=$(template)
  kill -STOP "$old"
  app two | replace shop.py
  kill -HUP "$SERVER"
  eventually is_gone "$old"
  becomes two
  stays two
}

# Each has one spare, so the second answer comes from a worker that was forked after the server was
# told that the new app is ready.
@test "what an import has started ends however many templates hang" {
  local start='import subprocess
with open(os.environ["FIFOS"] + "/started", "a") as file:
    print(subprocess.Popen(["sleep", "3600"]).pid, file=file)' hanging=() started n
  app 0 "$start" | replace shop.py
  serve_site --spare=1
  for n in {1..10}; do
    hanging+=("$(pgrep -n -P "$SERVER")")
    kill -STOP "${hanging[-1]}"
    app "$n" "$start" | replace shop.py
    kill -HUP "$SERVER"
    eventually answers "$n"
    eventually answers "$n"
  done
  kill -CONT "${hanging[@]}" 2>/dev/null || : # some may have been killed
  mapfile -t started <"$FIFOS/started"
  equal "${#started[@]}" 11
  for n in {0..9}; do
    eventually is_gone "${started[n]}"
  done
  run ! is_gone "${started[10]}"
  stays 10
}
