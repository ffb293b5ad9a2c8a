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

# Makes the packages of Debian in $DEB, unless another suite of this run has done so. What `make
# deb` prints is in $DEB/output.
make_deb() {
  local made=$BATS_RUN_TMPDIR/deb-made
  [[ ! -e $made ]] || return 0
  quiet_make -C "$TESTS/.." BUILD="$BUILD" deb >"$made.output" 2>&1 ||
    { cat "$made.output"; return 1; }
  mv "$made.output" "$DEB/output"
  : >"$made"
}

# Prints the path of the .deb of the program.
deb() {
  local debs=("$DEB"/wsgi-once_*.deb)
  ((${#debs[@]} == 1)) && echo "${debs[0]}"
}
