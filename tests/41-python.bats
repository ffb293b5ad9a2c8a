#!/usr/bin/env bats
# ways: one
#
# Which interpreter runs the app, and in which environment. The reference is the distribution's own
# interpreter.

load helpers

EX_CONFIG=78
PYTHON=/usr/bin/python3

# python EXPRESSION: prints its value in the distribution's interpreter, in the format of repr().
python() {
  env -u PYTHONHOME -u PYTHONPATH "$PYTHON" -c "import os, sys; print(repr($1))"
}

# inspect [OPTION]...: records what the app sees of its interpreter; `seen KEY` prints one value of
# it.
inspect() {
  serve "$@" interpreter:app
  SEEN_VALUES=$(http /)
  equal "$(exit_status)" 0
}

seen() {
  sed -n "s/^$1=//p" <<<"$SEEN_VALUES"
}

# make_venv [ARGUMENT]...: makes a virtual environment in $VENV, with a module that exists only
# there.
make_venv() {
  VENV=$BATS_TEST_TMPDIR/venv
  "$PYTHON" -m venv --without-pip "$@" "$VENV"
  SITE=$(echo "$VENV"/lib/python3.*/site-packages)
  echo >"$SITE/only_in_venv.py"
}

# refused TEXT...: the client gets 500, the exit status is EX_CONFIG, and the log is one line with
# the texts.
refused() {
  run -0 http / --include
  contains "$output" "HTTP/1.1 500 "
  [[ $output != *venv* ]]
  equal "$(exit_status)" $EX_CONFIG
  equal "$(wc -l <"$LOG")" 1
  for text in "$@"; do
    contains "$(cat "$LOG")" "$text"
  done
}

# ---- the distribution's interpreter ----

@test "the distribution's interpreter runs the app" {
  inspect
  for what in version prefix exec_prefix base_prefix base_exec_prefix; do
    equal "$(seen $what)" "$(python "sys.$what")"
  done
  equal "$(seen library)" "$(python "os.__file__")"
  equal "$(seen executable)" "$(python "os.path.realpath(sys.executable)")"
  contains "$(seen flask)" "/dist-packages/flask/"
}

@test "sys.path is --python-path, the app's directory, then the interpreter's own path" {
  local expected
  expected=$(python "['$APPS', os.getcwd()]")
  inspect
  equal "$(seen path)" "${expected%]}, $(python "sys.path[1:]" | tr -d '[')"
}

@test "another python3 earlier in PATH has no effect" {
  local name ours
  ours=$(python "'%d.%d' % sys.version_info[:2]" | tr -d "'")
  mkdir -p "$BATS_TEST_TMPDIR/other/bin" "$BATS_TEST_TMPDIR/other/lib/python$ours"
  for name in python3 python "python$ours" wsgi-once; do
    printf '#!/bin/sh\necho "the wrong one" >&2\nexit 1\n' >"$BATS_TEST_TMPDIR/other/bin/$name"
    chmod +x "$BATS_TEST_TMPDIR/other/bin/$name"
  done
  echo >"$BATS_TEST_TMPDIR/other/lib/python$ours/os.py"
  PATH=$BATS_TEST_TMPDIR/other/bin:$PATH inspect
  for what in version prefix exec_prefix base_prefix; do
    equal "$(seen $what)" "$(python "sys.$what")"
  done
  equal "$(seen library)" "$(python "os.__file__")"
  equal "$(seen executable)" "$(python "os.path.realpath(sys.executable)")"
  [[ $(seen path) != *"$BATS_TEST_TMPDIR/other"* ]]
  not_logged "the wrong one"
}

@test "an invalid PYTHONHOME has no effect" {
  # Not with interpreter:app: its subprocess would obey the variable.
  PYTHONHOME=/nonsense serve hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  PYTHONHOME=/nonsense serve "whereabouts:application"
  contains "$(get_environ path /)" "$(python "os.path.dirname(os.__file__)")"
  [[ $(get_environ path /) != *nonsense* ]]
}

@test "PYTHONPATH is used after --python-path" {
  mkdir "$BATS_TEST_TMPDIR/lib"
  PYTHONPATH=$BATS_TEST_TMPDIR/lib inspect
  local expected
  expected=$(python "['$BATS_TEST_TMPDIR/lib', *sys.path[1:]]")
  contains "$(seen path)" ", ${expected#[}"
  [[ $(seen path) == "['$APPS', "* ]]
}

@test "other variables of Python, such as PYTHONWARNINGS, take effect" {
  echo 'import warnings; warnings.warn("beware"); from hello import app' >"$BATS_TEST_TMPDIR/w.py"
  PYTHONWARNINGS=error serve --python-path="$BATS_TEST_TMPDIR" w:app
  equal "$(status /)" 500
  logged "UserWarning: beware"
}

@test "sys.argv has one element" {
  inspect
  equal "$(python "len($(seen argv))")" 1
}

# ---- virtual environments ----

@test "--venv uses the environment's packages and the distribution's standard library" {
  make_venv
  inspect --venv="$VENV"
  equal "$(seen prefix)" "'$VENV'"
  equal "$(seen exec_prefix)" "'$VENV'"
  equal "$(seen base_prefix)" "$(python sys.base_prefix)"
  equal "$(seen base_exec_prefix)" "$(python sys.base_exec_prefix)"
  equal "$(seen library)" "$(python "os.__file__")"
  equal "$(seen only_in_venv)" "'$SITE/only_in_venv.py'"
  contains "$(seen executable)" "'$VENV/bin/python"
}

@test "--venv gives the sys.path of the environment's own interpreter" {
  make_venv
  inspect --venv="$VENV"
  PYTHON=$VENV/bin/python
  contains "$(seen path)" "$(python "sys.path[1:]" | tr -d '[')"
}

@test "a relative --venv is resolved against --directory" {
  make_venv
  inspect --directory="$BATS_TEST_TMPDIR" --venv=venv
  equal "$(seen prefix)" "'$VENV'"
  equal "$(seen only_in_venv)" "'$SITE/only_in_venv.py'"
}

@test "--venv accepts a trailing slash" {
  make_venv
  inspect --venv="$VENV/"
  equal "$(seen prefix)" "'$VENV'"
  equal "$(seen only_in_venv)" "'$SITE/only_in_venv.py'"
}

@test "the distribution's packages are visible only if the environment includes them" {
  make_venv
  inspect --venv="$VENV"
  equal "$(seen flask)" None
  rm -r "$VENV"
  make_venv --system-site-packages
  inspect --venv="$VENV"
  contains "$(seen flask)" "/dist-packages/flask/"
  equal "$(seen only_in_venv)" "'$SITE/only_in_venv.py'"
}

@test "a subprocess of sys.executable runs in the same environment" {
  make_venv
  inspect --venv="$VENV"
  contains "$(seen child)" "['$VENV', $(python sys.base_prefix), '$VENV/bin/python"
}

@test "an environment of another minor version is refused with a line that names both versions" {
  make_venv
  local ours
  ours=$(python "'%d.%d' % sys.version_info[:2]" | tr -d "'")
  sed -i 's/^version = .*/version = 3.7.4/' "$VENV/pyvenv.cfg"
  serve --venv="$VENV" hello:app
  refused "$VENV" "3.7.4" "$ours" "-m venv"
}

@test "an environment made by virtualenv for another minor version is refused" {
  make_venv
  sed -i 's/^version = .*/version_info = 3.7.4.final.0/' "$VENV/pyvenv.cfg"
  serve --venv="$VENV" hello:app
  refused "$VENV" "3.7.4" "-m venv"
}

@test "minor versions are compared as numbers: 3.1 and 3.110 differ from 3.11" {
  make_venv
  local ours other
  ours=$(python "'%d.%d' % sys.version_info[:2]" | tr -d "'")
  for other in "${ours%?}" "${ours}0"; do
    : >"$LOG"
    sed -i "s/^version = .*/version = $other.2/" "$VENV/pyvenv.cfg"
    serve --venv="$VENV" hello:app
    refused "$other.2"
  done
}

@test "an environment of another patch level is accepted" {
  make_venv
  local ours
  ours=$(python "'%d.%d' % sys.version_info[:2]" | tr -d "'")
  sed -i "s/^version = .*/version = $ours.99/" "$VENV/pyvenv.cfg"
  inspect --venv="$VENV"
  equal "$(seen prefix)" "'$VENV'"
}

@test "keys of pyvenv.cfg are read as Python reads them, regardless of case and blanks" {
  make_venv
  sed -i 's/^version = .*/  Version=3.7.4  /' "$VENV/pyvenv.cfg"
  serve --venv="$VENV" hello:app
  refused "3.7.4"
}

@test "an environment with another home uses the distribution's standard library" {
  make_venv
  mkdir -p "$BATS_TEST_TMPDIR/elsewhere/bin"
  sed -i "s|^home = .*|home = $BATS_TEST_TMPDIR/elsewhere/bin|" "$VENV/pyvenv.cfg"
  serve --venv="$VENV" whereabouts
  contains "$(get_environ path /)" "$(python "os.path.dirname(os.__file__)")"
  contains "$(get_environ path /)" "'$SITE'"
  [[ $(get_environ path /) != *elsewhere* ]]
}

@test "a directory that is no virtual environment is refused" {
  for venv in "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/nowhere"; do
    : >"$LOG"
    serve --venv="$venv" hello:app
    refused "--venv" "$venv" "pyvenv.cfg"
  done
}

# ---- locale ----

@test "files and streams use UTF-8 in any locale" {
  # systemd sets no locale at all.
  unset LANG LANGUAGE "${!LC_@}" PYTHONUTF8 PYTHONIOENCODING
  for locale in none LANG=C LANG=POSIX LC_ALL=C LANG=C.UTF-8 LANG=xx_XX.nonsense; do
    : >"$LOG"
    if [[ $locale == none ]]; then
      serve umlauts:app
    else
      export "${locale?}"
      serve umlauts:app
      unset "${locale%%=*}"
    fi
    equal "$(http /)" "größer b'gr\\xc3\\xb6\\xc3\\x9fer' ('utf-8', 'utf-8', 'utf-8')"
    equal "$(exit_status)" 0
    logged "printed: größer"
    logged "told: größer"
  done
}
