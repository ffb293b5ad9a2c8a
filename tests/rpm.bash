# shellcheck shell=bash
# Helpers of the suites about rpm packages.

# rpm_of RELEASE [OPTION]...: builds the packages of the tree with that release number and these
# options of rpmbuild. Sets PACKAGES to their directory.
rpm_of() {
  local recipe=$BATS_FILE_TMPDIR/recipe-$1
  export PACKAGES=$BATS_FILE_TMPDIR/rpm-$1
  cp -r "$TESTS/../packaging/rpm" "$recipe"
  sed -i "s/^\(Release: *\)1%/\1$1%/" "$recipe/wsgi-once.spec"
  "$recipe/build" "$(tarball)" "$PACKAGES" "${@:2}" >"$BATS_FILE_TMPDIR/paths-$1"
}

# Makes the tarball of the tree unless it exists, and prints its path.
tarball() {
  local path
  path=$BATS_FILE_TMPDIR/wsgi-once-$(version).tar.gz
  [[ -e $path ]] || "$TESTS/../packaging/release" "$(version)" "$path" >/dev/null
  echo "$path"
}

# Prints the version in the Makefile.
version() {
  sed -n 's/^VERSION := //p' "$TESTS/../Makefile"
}
