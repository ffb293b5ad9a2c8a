#!/usr/bin/env bats
# ways: one
#
# How the app is named, found and imported, and what happens when that fails.

load helpers

EX_SOFTWARE=70
EX_CONFIG=78

# write FILE: a file in the directory of the test, from standard input. ANSWER in it becomes a whole
# app with that name, which answers the expression behind it.
write() {
  mkdir -p "$(dirname "$BATS_TEST_TMPDIR/$1")"
  sed -E 's/^ANSWER ([a-z]+) (.*)/\
def \1(environ, start_response):\
    start_response("200 OK", [("Content-Type", "text\/plain")])\
    return [(str(\2) + "\\n").encode()]/' >"$BATS_TEST_TMPDIR/$1"
}

# answers [OPTION]... APPLICATION TEXT: the app says the text, and all ends well.
answers() {
  serve "${@:1:$#-1}"
  equal "$(http /)" "${!#}"
  equal "$(exit_status)" 0
}

# fails STATUS [OPTION]... APPLICATION TEXT...: the client sees a plain 500 and nothing else, the
# process ends with the status, and the log contains the texts, which stand behind "--".
fails() {
  local expected=$1 words=()
  shift
  while [[ $1 != -- ]]; do
    words+=("$1")
    shift
  done
  shift
  : >"$LOG"
  serve "${words[@]}"
  local answer
  answer=$(http / --include)
  contains "$answer" "HTTP/1.1 500 "
  contains "${answer,,}" "content-type: text/plain"
  equal "${answer#*$'\r\n\r\n'}" "500 Internal Server Error"
  equal "$(exit_status)" "$expected"
  for text in "$@"; do
    logged "$text"
  done
  # the one line of the program itself names the app or the option
  equal "$(grep -c '^wsgi-once: ' "$LOG")" 1
}

# ---- modules ----

@test "module:callable" {
  answers application_and_app:app "app"
  answers application_and_app:application "application"
}

@test "package.module:object.attribute" {
  answers house.room:table.app "in the house"
  answers house.room:Table.app "in the house"
}

@test "module:factory() is called once" {
  answers "factory:make()" "made 1 time(s)"
  answers "factory:Site.make()" "made 1 time(s)"
}

@test "a module alone: application, else app" {
  answers application_and_app "application"
  answers hello "Hello."
}

@test "a module in the working directory" {
  write here.py <<<'ANSWER app "in the working directory"'
  cd "$BATS_TEST_TMPDIR"
  answers here:app "in the working directory"
}

# ---- files ----

@test "a .wsgi file: application, else app" {
  printf '%s\n' 'ANSWER app "app"' 'ANSWER application "application"' | write both.wsgi
  write one.wsgi <<<'ANSWER app "only app"'
  answers "$BATS_TEST_TMPDIR/both.wsgi" "application"
  answers "$BATS_TEST_TMPDIR/one.wsgi" "only app"
}

@test "a .py file, and one of its callables" {
  answers "$APPS/application_and_app.py" "application"
  answers "$APPS/application_and_app.py:app" "app"
  answers "$APPS/factory.py:make()" "made 1 time(s)"
  answers "$APPS/factory.py:Site.make()" "made 1 time(s)"
}

@test "a .wsgi file and one of its callables" {
  printf '%s\n' 'ANSWER app "app"' 'ANSWER application "application"' | write both.wsgi
  answers "$BATS_TEST_TMPDIR/both.wsgi:app" "app"
}

@test "a module that is called wsgi, as in a project of Django; a file of that name comes first" {
  mkdir "$BATS_TEST_TMPDIR/blog"
  write blog/wsgi.py <<<'ANSWER application "the module"'
  answers --directory="$BATS_TEST_TMPDIR" blog.wsgi:application "the module"
  fails $EX_SOFTWARE --directory="$BATS_TEST_TMPDIR" blog.wsgi -- "blog.wsgi" "No such file"
  fails $EX_SOFTWARE --directory="$BATS_TEST_TMPDIR" shop.wsgi:application -- \
    "No module named 'shop'"
  write blog.wsgi <<<'ANSWER application "the file"'
  answers --directory="$BATS_TEST_TMPDIR" blog.wsgi:application "the file"
}

@test "relative paths count from the working directory" {
  write blog.wsgi <<<'ANSWER application __file__'
  write below/blog.py <<<'ANSWER application __file__'
  cd "$BATS_TEST_TMPDIR"
  for path in blog.wsgi ./blog.wsgi below/blog.py ./below/blog.py; do
    answers "$path" "$BATS_TEST_TMPDIR/${path#./}"
  done
  cd below
  answers ../below/blog.py:application "$BATS_TEST_TMPDIR/below/../below/blog.py"
}

@test "a path with characters that no module's name has" {
  for name in "my-app.py" "my app.py" "4.2.py" "größe.py" "my.app.wsgi" "class.py"; do
    write "$name" <<<"ANSWER application \"this is $name\""
    answers "$BATS_TEST_TMPDIR/$name" "this is $name"
    answers "$BATS_TEST_TMPDIR/$name:application" "this is $name"
  done
  write a:b.py <<<'ANSWER application "colon"'
  answers "$BATS_TEST_TMPDIR/a:b.py:application" "colon"
  write "a dir with spaces/my-app.wsgi" <<<'ANSWER application "spaces"'
  answers "$BATS_TEST_TMPDIR/a dir with spaces/my-app.wsgi" "spaces"
}

@test "a symbolic link to a file" {
  write elsewhere/real.wsgi <<<'ANSWER application "linked"'
  mkdir "$BATS_TEST_TMPDIR/site"
  ln -s ../elsewhere/real.wsgi "$BATS_TEST_TMPDIR/site/link.wsgi"
  answers "$BATS_TEST_TMPDIR/site/link.wsgi" "linked"
}

@test "a file imports its neighbours, also without --python-path and from another directory" {
  write neighbour.py <<<'name = "the neighbour"'
  printf '%s\n' 'import neighbour' 'ANSWER application neighbour.name' |
    tee >(write app.py) | write app.wsgi
  eventually test -s "$BATS_TEST_TMPDIR/app.py"
  cd /
  answers "$BATS_TEST_TMPDIR/app.wsgi" "the neighbour"
  answers "$BATS_TEST_TMPDIR/app.py" "the neighbour"
}

@test "the neighbours of a .py file can import it" {
  printf '%s\n' 'value = "set before"' 'import plugin' 'ANSWER application plugin.value' |
    write main_file.py
  printf '%s\n' 'import main_file' 'value = main_file.value' | write plugin.py
  answers "$BATS_TEST_TMPDIR/main_file.py" "set before"
}

@test "a .wsgi file imports the module of the same name" {
  write blog.py <<<'ANSWER application "from the module"'
  write blog.wsgi <<<'from blog import application'
  answers "$BATS_TEST_TMPDIR/blog.wsgi" "from the module"
}

# is_like_a_module [OPTION]... FILE: what is true of the code in the file is what Python itself says
# of the same code when it imports it as a module.
is_like_a_module() {
  local reference=$BATS_FILE_TMPDIR/facts
  [[ -s $reference ]] || (
    cd "$APPS" || exit
    /usr/bin/python3 -X utf8 -c 'if True:
      import sys
      sys.path[0] = sys.argv[1]
      import facts
      sys.stdout.buffer.writelines(facts.app({}, lambda *arguments: None))' "$APPS" >"$reference"
  )
  serve "$@"
  http / | diff "$reference" -
}

@test "a file is a module like others, whatever it is called, at import and in a request" {
  mkdir "$BATS_TEST_TMPDIR/a.b c"
  cd "$BATS_TEST_TMPDIR/a.b c"
  is_like_a_module facts:app # the control
  for file in facts.py json.wsgi "my app.wsgi" 4.2.py class.py $'\xff.wsgi' .py ./no_suffix; do
    cp "$APPS/facts.py" "$file"
    is_like_a_module "$file:app"
  done
  ln -s ../elsewhere.txt link.wsgi
  cp "$APPS/facts.py" ../elsewhere.txt
  is_like_a_module link.wsgi:app
}

@test "the functions of the C library of Python find their modules from the code of a file" {
  printf '%s\n' 'import time' 'when = "2026-01-02", "%Y-%m-%d"' 'def day():' \
    '    return time.strptime(*when).tm_yday' 'ANSWER app (day(), "_strptime" in globals())' |
    write minimal.wsgi
  answers "$BATS_TEST_TMPDIR/minimal.wsgi" "(2, False)"
}

@test "the traceback of a file that fails has the lines of the file, and no other" {
  for name in broken.py broken.wsgi 4.2.py; do
    : >"$LOG"
    printf '%s\n' 'def connect():' '    raise LookupError("no database")' 'connect()' |
      write "$name"
    fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/$name" -- "LookupError: no database" "    connect()"
    equal "$(grep -c '^  File ' "$LOG")" 2
    echo 'def app(:' | write "$name"
    : >"$LOG"
    fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/$name" -- "SyntaxError" "def app(:"
    equal "$(grep -c '^  File ' "$LOG")" 1
  done
}

@test "a file is a module like others with all activations, and when workers import it" {
  cp "$APPS/facts.py" "$BATS_TEST_TMPDIR/facts.wsgi"
  for way in accept inetd listener server; do
    WAY=$way is_like_a_module "$BATS_TEST_TMPDIR/facts.wsgi"
  done
  is_like_a_module --import=worker "$BATS_TEST_TMPDIR/facts.wsgi"
}

@test "a .py file with the name of a module that nobody has imported" {
  write json.py <<<'ANSWER application "not the library"'
  answers "$BATS_TEST_TMPDIR/json.py" "not the library"
}

@test "a .py file with the name of a module that is in use already" {
  write os.py <<<'ANSWER application "not the library"'
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/os.py" -- "'os'" "rename the file"
}

# ---- where ----

@test "--directory comes first: relative files, --python-path and the app count from there" {
  mkdir "$BATS_TEST_TMPDIR/site"
  cp "$APPS/whereabouts.py" "$BATS_TEST_TMPDIR/site/"
  write site/lib/library.py <<<'ANSWER app "from lib"'
  cd /
  serve --directory="$BATS_TEST_TMPDIR/site" whereabouts.py
  equal "$(get_environ cwd /)" "'$BATS_TEST_TMPDIR/site'"
  equal "$(get_environ file /)" "'$BATS_TEST_TMPDIR/site/whereabouts.py'"
  serve --directory="$BATS_TEST_TMPDIR/site" whereabouts
  equal "$(get_environ cwd /)" "'$BATS_TEST_TMPDIR/site'"
  serve --python-path=lib --directory="$BATS_TEST_TMPDIR/site" library:app
  equal "$(http /)" "from lib"
}

@test "--python-path: the first one given comes first, and all before the standard library" {
  for directory in one two; do
    write $directory/chosen.py <<<"ANSWER app \"$directory\""
    write $directory/only_$directory.py <<<"ANSWER app \"only $directory\""
  done
  write two/wave.py <<<'ANSWER app "not the library"'
  local one=--python-path=$BATS_TEST_TMPDIR/one two=--python-path=$BATS_TEST_TMPDIR/two
  answers "$one" "$two" chosen:app "one"
  answers "$two" "$one" chosen:app "two"
  answers "$two" "$one" only_one:app "only one"
  answers "$one" "$two" only_two:app "only two"
  answers "$one" "$two" wave:app "not the library"
}

# ---- what fails ----

@test "a module that does not exist" {
  fails $EX_SOFTWARE there_is_no:app -- "ModuleNotFoundError" "'there_is_no:app'"
}

@test "a module that a module cannot import" {
  write needs.py <<<'import there_is_no'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" needs:app -- \
    "Traceback (most recent call last)" "needs.py\", line 1" "No module named 'there_is_no'"
}

@test "a file that does not exist" {
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/there_is_no.wsgi" -- "there_is_no.wsgi" "No such file"
}

@test "a file that is a directory" {
  mkdir "$BATS_TEST_TMPDIR/folder.py"
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/folder.py" -- "folder.py" "directory"
}

@test "a syntax error" {
  write typo.py <<<'def app(environ, start_response'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" typo:app -- "SyntaxError" "typo.py\", line 1"
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/typo.py" -- "SyntaxError" "typo.py\", line 1"
}

@test "an exception at import" {
  printf '%s\n' 'def connect():' '    raise LookupError("no database")' 'connect()' |
    write broken.py
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" broken:app -- \
    "Traceback (most recent call last)" "in connect" "LookupError: no database" "'broken:app'"
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/broken.py" -- \
    "Traceback (most recent call last)" "in connect" "LookupError: no database"
}

@test "sys.exit at import is no success" {
  for argument in "" 0 3 '"configure me first"'; do
    write quits.py <<<"import sys; sys.exit($argument)"
    fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" quits:app -- "SystemExit" "'quits:app'"
  done
  logged "configure me first"
}

@test "KeyboardInterrupt at import is no success" {
  write quits.py <<<"raise KeyboardInterrupt"
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" quits:app -- "KeyboardInterrupt"
}

@test "an exception whose text has several lines is still told in one line" {
  write lines.py <<<'raise ValueError("one\ntwo\nthree")'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" lines:app -- "ValueError"
  grep -q "^wsgi-once: .*one.*three" "$LOG"
}

@test "an attribute that does not exist" {
  fails $EX_SOFTWARE hello:nothing -- "AttributeError" "'nothing'" "'hello:nothing'"
  fails $EX_SOFTWARE house.room:table.chair -- "AttributeError" "'chair'"
}

@test "neither application nor app" {
  fails $EX_SOFTWARE house -- "neither 'application' nor 'app'"
}

@test "what is not callable" {
  fails $EX_SOFTWARE counter:count -- "not callable" "int"
  write makes.py <<<'make = lambda: "text"'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" "makes:make()" -- "not callable" "str"
}

@test "a factory that raises" {
  write makes.py <<<'def make(): raise LookupError("no database")'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" "makes:make()" -- \
    "Traceback (most recent call last)" "in make" "LookupError: no database"
}

@test "a name that names nothing" {
  for name in hello: :app "hello:()" :; do
    fails $EX_CONFIG "$name" -- "'$name'" "module:callable"
  done
}

@test "--directory to where one cannot go" {
  fails $EX_CONFIG --directory="$BATS_TEST_TMPDIR/nowhere" hello:app -- \
    "--directory" "'$BATS_TEST_TMPDIR/nowhere'" "No such file or directory"
}

@test "what the app left running at its failed import does not keep the process" {
  printf '%s\n' 'import threading' \
    'threading.Thread(target=threading.Event().wait, daemon=True).start()' 'raise ValueError' |
    write starts.py
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" starts:app -- "ValueError"
}

# ---- what it costs ----

# Changes a file without a trace in its size and time of modification, which is what the compiled
# code is matched with: from then on one sees whether it was compiled anew.
change_unnoticed() {
  local file=$BATS_TEST_TMPDIR/$1
  cp --preserve=timestamps "$file" "$file.was"
  sed -i "$2" "$file"
  touch --reference="$file.was" "$file"
  rm "$file.was"
}

@test "a .py file is compiled once" {
  unset PYTHONDONTWRITEBYTECODE
  write once.py <<<'ANSWER application "one"'
  answers "$BATS_TEST_TMPDIR/once.py" "one"
  ls "$BATS_TEST_TMPDIR"/__pycache__/once.*.pyc
  change_unnoticed once.py 's/"one"/"two"/'
  answers "$BATS_TEST_TMPDIR/once.py" "one"
  # the control: when the change is noticed, it counts
  touch --date=2001-01-01 "$BATS_TEST_TMPDIR/once.py"
  answers "$BATS_TEST_TMPDIR/once.py" "two"
}

@test "a .wsgi file leaves the compiled code of the .py file of the same name alone" {
  # Python's name for that code leaves out the suffix of the source: the two would take turns.
  unset PYTHONDONTWRITEBYTECODE
  write blog.py <<<'ANSWER application "from blog.py"'
  printf '%s\n' 'from blog import application' '# longer than the other' | write blog.wsgi
  answers "$BATS_TEST_TMPDIR/blog.wsgi" "from blog.py"
  change_unnoticed blog.py 's/from/FROM/'
  for file in blog.wsgi blog.py blog.wsgi; do
    answers "$BATS_TEST_TMPDIR/$file" "from blog.py"
  done
}

@test "files of the same size and time do not get each other's code" {
  unset PYTHONDONTWRITEBYTECODE
  write blog.py <<<'ANSWER application "1"'
  write blog.wsgi <<<'ANSWER application "2"'
  touch --date=2001-01-01 "$BATS_TEST_TMPDIR"/blog.*
  for _ in 1 2; do
    answers "$BATS_TEST_TMPDIR/blog.py" "1"
    answers "$BATS_TEST_TMPDIR/blog.wsgi" "2"
  done
}

@test "garbage is not collected while importing, and is in the request, with the import frozen" {
  serve collector:app
  run -0 http /
  equal "${lines[0]}" "import: (False, False)"
  equal "${lines[1]}" "request: (True, True)"
}

@test "no Python module is imported but by the interpreter and the app" {
  # gc: switches the collector. faulthandler: the traceback when --request-timeout passes. Both are
  # built into the interpreter.
  local allowed=(faulthandler gc)
  serve modules:app
  http / >"$BATS_TEST_TMPDIR/ours"
  (
    cd "$APPS"
    exec /usr/bin/python3 -c 'import modules, sys; print(*sys.modules, sep="\n")'
  ) >"$BATS_TEST_TMPDIR/pythons"
  grep -qx modules "$BATS_TEST_TMPDIR/ours"
  printf '%s\n' "${allowed[@]}" >>"$BATS_TEST_TMPDIR/pythons"
  run -1 grep -vxFf "$BATS_TEST_TMPDIR/pythons" "$BATS_TEST_TMPDIR/ours"
}

@test "a colon in the name of a directory is no separator" {
  mkdir "$BATS_TEST_TMPDIR/a:b"
  cp "$APPS/hello.py" "$BATS_TEST_TMPDIR/a:b"
  serve "$BATS_TEST_TMPDIR/a:b/hello.py"
  equal "$(http /)" "Hello."
  serve "$BATS_TEST_TMPDIR/a:b/hello.py:app"
  equal "$(http /)" "Hello."
}

@test "a file whose module puts something else in its place is taken as that" {
  cat >"$BATS_TEST_TMPDIR/stands_in.py" <<'END'
import sys
import types

import hello

sys.modules[__name__] = types.SimpleNamespace(app=hello.app)
END
  serve "$BATS_TEST_TMPDIR/stands_in.py"
  equal "$(http /)" "Hello."
}

@test "a bad request does not start Python" {
  serve no_such_module:app
  equal "$(status /)" 500
  [[ $(exit_status) != 0 ]]
  logged "no_such_module"
  : >"$LOG"
  run -0 talk send 'GET / HTTP/1.1\r\n\r\n' read
  contains "$output" "HTTP/1.1 400 "
  equal "$(exit_status)" 0
  not_logged "no_such_module"
}

# ---- bytecode ----

# serves_site TEXT: a server of site/start.py, with a log of its own. Python may not write bytecode,
# as in the sandbox of a service, unless a test says so.
serves_site() {
  : >"$LOG"
  WAY=server answers "$BATS_TEST_TMPDIR/site/start.py" "$1"
}

mend() {
  bash -c "$(sed -n 's/^wsgi-once: bytecode .* to compile them once, run: //p' "$LOG")"
}

@test "a server says that bytecode is stale, and what mends it" {
  write site/part1.py <<<'name = "one"'
  printf '%s\n' 'import part1' 'ANSWER app part1.name' | write site/start.py
  touch --date=2001-01-01 "$BATS_TEST_TMPDIR"/site/*.py
  serves_site one
  not_logged bytecode # there is none, and it is not worth it
  /usr/bin/python3 -m compileall -q "$BATS_TEST_TMPDIR/site"
  serves_site one
  not_logged bytecode
  touch --date=2001-01-02 "$BATS_TEST_TMPDIR/site/part1.py"
  serves_site one
  logged "bytecode is missing for 0 and stale for 1 of "
  mend
  serves_site one
  not_logged bytecode
}

@test "a server says that many modules have no bytecode, and what mends it" {
  mkdir "$BATS_TEST_TMPDIR/site"
  touch "$BATS_TEST_TMPDIR"/site/part{1..19}.py
  {
    printf 'import part%d\n' {1..19}
    echo 'ANSWER app "all"'
  } | write site/start.py
  serves_site all
  logged "bytecode is missing for 20 and stale for 0 of "
  mend
  serves_site all
  not_logged bytecode
}

@test "a server that may write bytecode says nothing of it" {
  unset PYTHONDONTWRITEBYTECODE
  write site/part1.py <<<'name = "one"'
  printf '%s\n' 'import part1' 'ANSWER app part1.name' | write site/start.py
  /usr/bin/python3 -m compileall -q "$BATS_TEST_TMPDIR/site"
  touch --date=2001-01-02 "$BATS_TEST_TMPDIR/site/part1.py"
  serves_site one
  not_logged bytecode
}
