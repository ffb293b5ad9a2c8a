#!/usr/bin/env bats
# ways: one
#
# How the app is named, found and imported, and what happens if that fails.

load helpers

EX_SOFTWARE=70
EX_CONFIG=78

# write FILE: writes a file from standard input into the test's directory. A line "ANSWER NAME
# EXPRESSION" becomes an app of that name that answers with the value of the expression.
write() {
  mkdir -p "$(dirname "$BATS_TEST_TMPDIR/$1")"
  sed -E 's/^ANSWER ([a-z]+) (.*)/\
def \1(environ, start_response):\
    start_response("200 OK", [("Content-Type", "text\/plain")])\
    return [(str(\2) + "\\n").encode()]/' >"$BATS_TEST_TMPDIR/$1"
}

# answers [OPTION]... APPLICATION TEXT: the app answers with the text, and the process exits with 0.
answers() {
  serve "${@:1:$#-1}"
  equal "$(http /)" "${!#}"
  equal "$(exit_status)" 0
}

# fails STATUS [OPTION]... APPLICATION -- TEXT...: the client gets a plain 500 without details, the
# process exits with the status, and the log contains the texts.
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
  # The program's only line names the app or the option.
  equal "$(grep -c '^wsgi-once: ' "$LOG")" 1
}

# ---- modules ----

@test "module:callable is loaded" {
  answers application_and_app:app "app"
  answers application_and_app:application "application"
}

@test "package.module:object.attribute is loaded" {
  answers house.room:table.app "in the house"
  answers house.room:Table.app "in the house"
}

@test "module:factory() is loaded, and the factory is called once" {
  answers "factory:make()" "made 1 time(s)"
  answers "factory:Site.make()" "made 1 time(s)"
}

@test "a module without a callable is searched for application, then for app" {
  answers application_and_app "application"
  answers hello "Hello."
}

@test "a module in the working directory is loaded" {
  write here.py <<<'ANSWER app "in the working directory"'
  cd "$BATS_TEST_TMPDIR"
  answers here:app "in the working directory"
}

# ---- files ----

@test "a .wsgi file is searched for application, then for app" {
  printf '%s\n' 'ANSWER app "app"' 'ANSWER application "application"' | write both.wsgi
  write one.wsgi <<<'ANSWER app "only app"'
  answers "$BATS_TEST_TMPDIR/both.wsgi" "application"
  answers "$BATS_TEST_TMPDIR/one.wsgi" "only app"
}

@test "a .py file is loaded, with or without a callable" {
  answers "$APPS/application_and_app.py" "application"
  answers "$APPS/application_and_app.py:app" "app"
  answers "$APPS/factory.py:make()" "made 1 time(s)"
  answers "$APPS/factory.py:Site.make()" "made 1 time(s)"
}

@test "a .wsgi file is loaded with a callable" {
  printf '%s\n' 'ANSWER app "app"' 'ANSWER application "application"' | write both.wsgi
  answers "$BATS_TEST_TMPDIR/both.wsgi:app" "app"
}

@test "a module called wsgi, as in Django projects, is loaded unless a file of that name exists" {
  mkdir "$BATS_TEST_TMPDIR/blog"
  write blog/wsgi.py <<<'ANSWER application "the module"'
  answers --directory="$BATS_TEST_TMPDIR" blog.wsgi:application "the module"
  fails $EX_SOFTWARE --directory="$BATS_TEST_TMPDIR" blog.wsgi -- "blog.wsgi" "No such file"
  fails $EX_SOFTWARE --directory="$BATS_TEST_TMPDIR" shop.wsgi:application -- \
    "No module named 'shop'"
  write blog.wsgi <<<'ANSWER application "the file"'
  answers --directory="$BATS_TEST_TMPDIR" blog.wsgi:application "the file"
}

@test "relative paths are resolved against the working directory" {
  write blog.wsgi <<<'ANSWER application __file__'
  write below/blog.py <<<'ANSWER application __file__'
  cd "$BATS_TEST_TMPDIR"
  for path in blog.wsgi ./blog.wsgi below/blog.py ./below/blog.py; do
    answers "$path" "$BATS_TEST_TMPDIR/${path#./}"
  done
  cd below
  answers ../below/blog.py:application "$BATS_TEST_TMPDIR/below/../below/blog.py"
}

@test "a path need not be a valid module name" {
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

@test "a symbolic link to a file is loaded" {
  write elsewhere/real.wsgi <<<'ANSWER application "linked"'
  mkdir "$BATS_TEST_TMPDIR/site"
  ln -s ../elsewhere/real.wsgi "$BATS_TEST_TMPDIR/site/link.wsgi"
  answers "$BATS_TEST_TMPDIR/site/link.wsgi" "linked"
}

@test "a file imports from its own directory without --python-path, from any working directory" {
  write neighbour.py <<<'name = "the neighbour"'
  printf '%s\n' 'import neighbour' 'ANSWER application neighbour.name' |
    tee >(write app.py) | write app.wsgi
  eventually test -s "$BATS_TEST_TMPDIR/app.py"
  cd /
  answers "$BATS_TEST_TMPDIR/app.wsgi" "the neighbour"
  answers "$BATS_TEST_TMPDIR/app.py" "the neighbour"
}

@test "a module next to a .py file can import that file" {
  printf '%s\n' 'value = "set before"' 'import plugin' 'ANSWER application plugin.value' |
    write main_file.py
  printf '%s\n' 'import main_file' 'value = main_file.value' | write plugin.py
  answers "$BATS_TEST_TMPDIR/main_file.py" "set before"
}

@test "a .wsgi file can import the module of the same name" {
  write blog.py <<<'ANSWER application "from the module"'
  write blog.wsgi <<<'from blog import application'
  answers "$BATS_TEST_TMPDIR/blog.wsgi" "from the module"
}

# is_like_a_module [OPTION]... FILE: code in the file finds itself in the same environment as when
# Python imports the same code as a module.
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

@test "a file of any name behaves like a module, at import and in a request" {
  mkdir "$BATS_TEST_TMPDIR/a.b c"
  cd "$BATS_TEST_TMPDIR/a.b c"
  is_like_a_module facts:app # control
  for file in facts.py json.wsgi "my app.wsgi" 4.2.py class.py $'\xff.wsgi' .py ./no_suffix; do
    cp "$APPS/facts.py" "$file"
    is_like_a_module "$file:app"
  done
  ln -s ../elsewhere.txt link.wsgi
  cp "$APPS/facts.py" ../elsewhere.txt
  is_like_a_module link.wsgi:app
}

@test "C functions of Python's library can import modules when called from a file" {
  printf '%s\n' 'import time' 'when = "2026-01-02", "%Y-%m-%d"' 'def day():' \
    '    return time.strptime(*when).tm_yday' 'ANSWER app (day(), "_strptime" in globals())' |
    write minimal.wsgi
  answers "$BATS_TEST_TMPDIR/minimal.wsgi" "(2, False)"
}

@test "the traceback of a failing file contains only lines of that file" {
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

@test "a file behaves like a module with every activation and with --import=worker" {
  cp "$APPS/facts.py" "$BATS_TEST_TMPDIR/facts.wsgi"
  for way in accept inetd listener server; do
    WAY=$way is_like_a_module "$BATS_TEST_TMPDIR/facts.wsgi"
  done
  is_like_a_module --import=worker "$BATS_TEST_TMPDIR/facts.wsgi"
}

@test "a .py file can have the name of a library module that is not imported" {
  write json.py <<<'ANSWER application "not the library"'
  answers "$BATS_TEST_TMPDIR/json.py" "not the library"
}

@test "a .py file with the name of a module already in use is refused" {
  write os.py <<<'ANSWER application "not the library"'
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/os.py" -- "'os'" "rename the file"
}

# ---- directories ----

@test "--directory is applied first: files, --python-path and the app are relative to it" {
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

@test "--python-path is searched in the order given, before the standard library" {
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

# ---- failures ----

@test "a missing module is reported" {
  fails $EX_SOFTWARE there_is_no:app -- "ModuleNotFoundError" "'there_is_no:app'"
}

@test "a missing module needed by another module is reported" {
  write needs.py <<<'import there_is_no'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" needs:app -- \
    "Traceback (most recent call last)" "needs.py\", line 1" "No module named 'there_is_no'"
}

@test "a missing file is reported" {
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/there_is_no.wsgi" -- "there_is_no.wsgi" "No such file"
}

@test "a directory in place of a file is reported" {
  mkdir "$BATS_TEST_TMPDIR/folder.py"
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/folder.py" -- "folder.py" "directory"
}

@test "a syntax error is reported" {
  write typo.py <<<'def app(environ, start_response'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" typo:app -- "SyntaxError" "typo.py\", line 1"
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/typo.py" -- "SyntaxError" "typo.py\", line 1"
}

@test "an exception at import is reported with its traceback" {
  printf '%s\n' 'def connect():' '    raise LookupError("no database")' 'connect()' |
    write broken.py
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" broken:app -- \
    "Traceback (most recent call last)" "in connect" "LookupError: no database" "'broken:app'"
  fails $EX_SOFTWARE "$BATS_TEST_TMPDIR/broken.py" -- \
    "Traceback (most recent call last)" "in connect" "LookupError: no database"
}

@test "sys.exit at import is a failure" {
  for argument in "" 0 3 '"configure me first"'; do
    write quits.py <<<"import sys; sys.exit($argument)"
    fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" quits:app -- "SystemExit" "'quits:app'"
  done
  logged "configure me first"
}

@test "KeyboardInterrupt at import is a failure" {
  write quits.py <<<"raise KeyboardInterrupt"
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" quits:app -- "KeyboardInterrupt"
}

@test "a multi-line exception text is logged in one line" {
  write lines.py <<<'raise ValueError("one\ntwo\nthree")'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" lines:app -- "ValueError"
  grep -q "^wsgi-once: .*one.*three" "$LOG"
}

@test "a missing attribute is reported" {
  fails $EX_SOFTWARE hello:nothing -- "AttributeError" "'nothing'" "'hello:nothing'"
  fails $EX_SOFTWARE house.room:table.chair -- "AttributeError" "'chair'"
}

@test "a module with neither application nor app is reported" {
  fails $EX_SOFTWARE house -- "neither 'application' nor 'app'"
}

@test "an object that is not callable is reported" {
  fails $EX_SOFTWARE counter:count -- "not callable" "int"
  write makes.py <<<'make = lambda: "text"'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" "makes:make()" -- "not callable" "str"
}

@test "an exception in a factory is reported with its traceback" {
  write makes.py <<<'def make(): raise LookupError("no database")'
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" "makes:make()" -- \
    "Traceback (most recent call last)" "in make" "LookupError: no database"
}

@test "an incomplete application name is refused" {
  for name in hello: :app "hello:()" :; do
    fails $EX_CONFIG "$name" -- "'$name'" "module:callable"
  done
}

@test "a --directory that does not exist is reported" {
  fails $EX_CONFIG --directory="$BATS_TEST_TMPDIR/nowhere" hello:app -- \
    "--directory" "'$BATS_TEST_TMPDIR/nowhere'" "No such file or directory"
}

@test "a thread left by a failed import does not keep the process running" {
  printf '%s\n' 'import threading' \
    'threading.Thread(target=threading.Event().wait, daemon=True).start()' 'raise ValueError' |
    write starts.py
  fails $EX_SOFTWARE --python-path="$BATS_TEST_TMPDIR" starts:app -- "ValueError"
}

# ---- cost ----

# Changes a file but not its size and modification time, by which Python matches compiled code with
# its source. Whether the change has an effect shows whether the file was compiled again.
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
  # Control: a change of the modification time takes effect.
  touch --date=2001-01-01 "$BATS_TEST_TMPDIR/once.py"
  answers "$BATS_TEST_TMPDIR/once.py" "two"
}

@test "a .wsgi file does not replace the compiled code of the .py file of the same name" {
  # Python derives the name of compiled code without the suffix: the two would overwrite each other.
  unset PYTHONDONTWRITEBYTECODE
  write blog.py <<<'ANSWER application "from blog.py"'
  printf '%s\n' 'from blog import application' '# longer than the other' | write blog.wsgi
  answers "$BATS_TEST_TMPDIR/blog.wsgi" "from blog.py"
  change_unnoticed blog.py 's/from/FROM/'
  for file in blog.wsgi blog.py blog.wsgi; do
    answers "$BATS_TEST_TMPDIR/$file" "from blog.py"
  done
}

@test "files of the same size and time do not get each other's compiled code" {
  unset PYTHONDONTWRITEBYTECODE
  write blog.py <<<'ANSWER application "1"'
  write blog.wsgi <<<'ANSWER application "2"'
  touch --date=2001-01-01 "$BATS_TEST_TMPDIR"/blog.*
  for _ in 1 2; do
    answers "$BATS_TEST_TMPDIR/blog.py" "1"
    answers "$BATS_TEST_TMPDIR/blog.wsgi" "2"
  done
}

@test "garbage collection is off during the import and on in requests, with the import frozen" {
  serve collector:app
  run -0 http /
  equal "${lines[0]}" "import: (False, False)"
  equal "${lines[1]}" "request: (True, True)"
}

@test "only the interpreter and the app import Python modules" {
  # gc switches the collector; faulthandler prints the traceback of --request-timeout. Both are
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

@test "a colon in a directory name is no separator" {
  mkdir "$BATS_TEST_TMPDIR/a:b"
  cp "$APPS/hello.py" "$BATS_TEST_TMPDIR/a:b"
  serve "$BATS_TEST_TMPDIR/a:b/hello.py"
  equal "$(http /)" "Hello."
  serve "$BATS_TEST_TMPDIR/a:b/hello.py:app"
  equal "$(http /)" "Hello."
}

@test "a module that replaces itself in sys.modules is used in its replaced form" {
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

# serves_site TEXT: serves site/start.py with an empty log. Python must not write bytecode, as in
# the sandbox of a service, unless the test allows it.
serves_site() {
  : >"$LOG"
  WAY=server answers "$BATS_TEST_TMPDIR/site/start.py" "$1"
}

fix_bytecode() {
  bash -c "$(sed -n 's/^wsgi-once: bytecode .* to compile them once, run: //p' "$LOG")"
}

@test "a server reports stale bytecode and the command that fixes it" {
  write site/part1.py <<<'name = "one"'
  printf '%s\n' 'import part1' 'ANSWER app part1.name' | write site/start.py
  touch --date=2001-01-01 "$BATS_TEST_TMPDIR"/site/*.py
  serves_site one
  not_logged bytecode # missing for too few modules to be reported
  /usr/bin/python3 -m compileall -q "$BATS_TEST_TMPDIR/site"
  serves_site one
  not_logged bytecode
  touch --date=2001-01-02 "$BATS_TEST_TMPDIR/site/part1.py"
  serves_site one
  logged "bytecode is missing for 0 and stale for 1 of "
  fix_bytecode
  serves_site one
  not_logged bytecode
}

@test "a server reports many modules without bytecode and the command that fixes it" {
  mkdir "$BATS_TEST_TMPDIR/site"
  touch "$BATS_TEST_TMPDIR"/site/part{1..19}.py
  {
    printf 'import part%d\n' {1..19}
    echo 'ANSWER app "all"'
  } | write site/start.py
  serves_site all
  logged "bytecode is missing for 20 and stale for 0 of "
  fix_bytecode
  serves_site all
  not_logged bytecode
}

@test "a server that can write bytecode does not report it" {
  unset PYTHONDONTWRITEBYTECODE
  write site/part1.py <<<'name = "one"'
  printf '%s\n' 'import part1' 'ANSWER app part1.name' | write site/start.py
  /usr/bin/python3 -m compileall -q "$BATS_TEST_TMPDIR/site"
  touch --date=2001-01-02 "$BATS_TEST_TMPDIR/site/part1.py"
  serves_site one
  not_logged bytecode
}
