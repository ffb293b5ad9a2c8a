# shellcheck shell=bash
# What the suites share that are about packages, beyond helpers.bash.

# A second time it would undo the setup of what was loaded before.
declare -F equal >/dev/null || load helpers

# Below the source tree, which with-systemd shows to those in there.
BUILD=$(realpath --canonicalize-missing "${BUILD:-$TESTS/../build}")
# shellcheck disable=SC2034 # for the suites
DEB=$BUILD/deb

# What is in build/ does not go into a package, but into the release and what is made of it.
quiet_make() {
  env -u MAKEFLAGS -u MAKELEVEL -u WERROR -u V make --no-print-directory INSTALL_DEPENDENCIES=: "$@"
}

# Makes the packages of Debian in $DEB, unless another suite of this run has done so, or does just
# now: the jobs of tests/run have one TMPDIR. What `make deb` prints is in $DEB/output.
make_deb() {
  local made=${TESTS_RUN:+$TMPDIR}
  made=${made:-$BATS_RUN_TMPDIR}/deb-made
  {
    flock 9
    make_deb_once "$made" 9>&-
  } 9>"$made.lock"
}

make_deb_once() { # mark
  [[ ! -e $1 ]] || return 0
  quiet_make -C "$TESTS/.." BUILD="$BUILD" deb >"$1.output" 2>&1 || { cat "$1.output"; return 1; }
  mv "$1.output" "$DEB/output"
  : >"$1"
}

# Prints the path of the .deb of the program.
deb() {
  local debs=("$DEB"/wsgi-once_*.deb)
  ((${#debs[@]} == 1)) && echo "${debs[0]}"
}
