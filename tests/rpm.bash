# shellcheck shell=bash
# What the suites about the packages for rpm share, beyond helpers.bash.

# rpm_of RELEASE [OPTION]...: makes the packages of the tree, with that release number; sets
# PACKAGES, the directory that they are in. The options are rpmbuild's.
rpm_of() {
  local recipe=$BATS_FILE_TMPDIR/recipe-$1
  export PACKAGES=$BATS_FILE_TMPDIR/rpm-$1
  cp -r "$TESTS/../packaging/rpm" "$recipe"
  sed -i "s/^\(Release: *\)1%/\1$1%/" "$recipe/wsgi-once.spec"
  "$recipe/build" "$(tarball)" "$PACKAGES" "${@:2}" >"$BATS_FILE_TMPDIR/paths-$1"
}

# Makes the tarball of the tree, if it is not there yet, and prints its path.
tarball() {
  local path
  path=$BATS_FILE_TMPDIR/wsgi-once-$(version).tar.gz
  [[ -e $path ]] || "$TESTS/../packaging/release" "$(version)" "$path" >/dev/null
  echo "$path"
}

# The version that the Makefile says.
version() {
  sed -n 's/^VERSION := //p' "$TESTS/../Makefile"
}
