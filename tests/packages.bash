# shellcheck shell=bash
# Helpers of the suites about packages.

# Loading helpers.bash again would undo the setup of what was loaded before.
declare -F equal >/dev/null || load helpers

# Below the source tree, which is visible inside of with-systemd.
BUILD=$(realpath --canonicalize-missing "${BUILD:-$TESTS/../build}")
# shellcheck disable=SC2034 # for the suites
DEB=$BUILD/deb

# Runs make without the options of this run. Packages contain what is built from the release, not
# what is in build/.
quiet_make() {
  env -u MAKEFLAGS -u MAKELEVEL -u WERROR -u V make --no-print-directory INSTALL_DEPENDENCIES=: "$@"
}

# Builds the Debian packages in $DEB unless another suite of this run does or has done so: the jobs
# of tests/run share one TMPDIR. The output of `make deb` is in $DEB/output. In a virtual
# machine they are there already: see tests/check-vm.
make_deb() {
  [[ ! ${VM_BOOT:-} ]] || return 0
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

# Prints the path of the program's .deb.
deb() {
  local debs=("$DEB"/wsgi-once_*.deb)
  ((${#debs[@]} == 1)) && echo "${debs[0]}"
}
