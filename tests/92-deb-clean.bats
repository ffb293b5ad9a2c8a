#!/usr/bin/env bats
# ways: deb-clean
# lasts: 200 s

# What Debian's own tools say of its package: piuparts(1) of what it leaves behind in a root file
# system that has nothing else, reprotest(1) of whether it is the same whoever builds it.

load packages

# repack SOURCE TARGET COMMAND...: the same package, with what the command changed of its control
# files, which it finds in the directory that it is run in.
repack() {
  local files
  files=$(mktemp -d "$BATS_FILE_TMPDIR/files.XXXXXX")
  dpkg-deb --raw-extract "$1" "$files"
  (cd "$files/DEBIAN" && "${@:3}")
  dpkg-deb --root-owner-group -Znone --build "$files" "$2" >/dev/null
}

# ---- piuparts -----------------------------------------------------------------------------------

# Prints why there can be no such root file system here, if so.
obstacle() {
  ((EUID == 0)) || { echo "it takes root" && return; }
  unshare --mount true 2>/dev/null || { echo "new namespaces are not allowed here" && return; }
  [[ -n $(sources) ]] || echo "this machine knows no archive of its distribution"
}

# Where this machine has its packages from. apt(8) says it, so that no mirror has to be named here.
sources() {
  local origin
  for origin in Debian Ubuntu; do
    apt-get indextargets "Origin: $origin" "Created-By: Packages" --format "deb \
[signed-by=/usr/share/keyrings/${origin,,}-archive-keyring.gpg] \$(SITE) \$(RELEASE) \$(COMPONENT)"
  done | sort -u
}

# make_base: sets BASE, a root file system in which the dependencies are installed, since it is not
# they that are tested, without the links to nothing that they have, for the same reason; its apt
# knows of an older version of the package.
make_base() {
  local archive=$BATS_FILE_TMPDIR/archive depends
  export BASE=$BATS_FILE_TMPDIR/base.tar.gz
  mkdir --mode=755 "$archive"
  repack "$(deb)" "$archive/older.deb" sed -i '/^Version:/s/$/~older/' control
  (cd "$archive" && dpkg-scanpackages . >Packages 2>/dev/null)
  depends=$(dpkg-deb --field "$(deb)" Depends)
  # A mirror of what has no release yet may be late: apt(8) would refuse it as outdated.
  # shellcheck disable=SC2016 # mmdebstrap(1) has them run by a shell, with the directory as $1
  sources | DEPENDS=$depends ARCHIVE=$archive TMPDIR=$BATS_FILE_TMPDIR mmdebstrap --quiet \
    --variant=apt --include=systemd --dpkgopt=force-unsafe-io \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --customize-hook='chroot "$1" apt-get satisfy --quiet --yes --no-install-recommends \
      "$DEPENDS" >/dev/null' \
    --customize-hook='chroot "$1" find /etc /usr /var -xtype l -delete' \
    --customize-hook='cp -r "$ARCHIVE" "$1/srv/archive"' \
    --customize-hook='echo "deb [trusted=yes] file:/srv/archive ./" >>"$1/etc/apt/sources.list"' \
    '' "$BASE" - 3>&-
}

setup_file() {
  make_deb
  OBSTACLE=$(obstacle)
  export OBSTACLE
  [[ -n $OBSTACLE ]] || make_base
}

# piuparts_of DEB [OPTION]...: in namespaces, so that no mount is left, whatever happens. Links to
# nothing are errors, and files in /tmp count. The sources are those of the machine, as above, and
# libeatmydata(7), which it would have preloaded, is no part of what is tested.
piuparts_of() {
  TMPDIR=$BATS_TEST_TMPDIR unshare --mount piuparts --basetgz="$BASE" --keep-sources-list \
    --no-check-valid-until --no-eatmydata --fail-on-broken-symlinks --pedantic-purge-test \
    --log-level=info "${@:2}" "$1" 3>&-
}

@test "piuparts finds nothing wrong with installing, removing, installing, upgrading, purging" {
  [[ -z $OBSTACLE ]] || skip "$OBSTACLE"
  run -0 piuparts_of "$(deb)" --install-remove-install
  contains "$output" "PASS: Installation and purging test."
  contains "$output" "PASS: Installation, upgrade and purging tests."
  contains "$output" "PASS: All tests."
}

@test "piuparts would find what the package left behind" {
  [[ -z $OBSTACLE ]] || skip "$OBSTACLE"
  repack "$(deb)" "$BATS_TEST_TMPDIR/wsgi-once.deb" \
    sed -i '/^set -e/s|$|; mkdir -p /var/lib/left-behind|' postinst
  run piuparts_of "$BATS_TEST_TMPDIR/wsgi-once.deb" --no-upgrade-test
  ((status != 0))
  contains "$output" "FAIL: Installation and purging test."
  contains "$output" /var/lib/left-behind
}

# ---- reprotest ----------------------------------------------------------------------------------

# The source as dpkg-source(1) unpacks it.
unpack_source() { # directory
  local dsc=("$DEB"/wsgi-once_*.dsc)
  dpkg-source --no-check --extract "${dsc[0]}" "$1" >/dev/null
}

# reproduce SOURCE: builds it twice, with everything different that reprotest(1) can vary: the
# environment, path, kernel's name, number of processors, time, order of directories, host's name,
# home, locale, time zone, umask, addresses in memory. All but "user_group": it takes sudo(8) and a
# second user. What is built is in the directory "control" beside the source. The tests of the
# package are left out (nocheck): they have passed in `make deb`, and make nothing that is packaged.
reproduce() {
  local build="dpkg-buildpackage --build=binary --no-sign"
  # The Estonian locale, in which z is not the last letter, is reprotest's; few machines have it.
  mkdir "$BATS_TEST_TMPDIR/locales"
  localedef --inputfile=et_EE --charmap=UTF-8 "$BATS_TEST_TMPDIR/locales/et_EE.UTF-8"
  TMPDIR=$BATS_TEST_TMPDIR unshare --mount reprotest --no-diffoscope --vary=-user_group \
    --build-command "export LOCPATH=$BATS_TEST_TMPDIR/locales DEB_BUILD_OPTIONS=nocheck; $build" \
    --store-dir="$BATS_TEST_TMPDIR/built" "$1" '../*.deb' >"$BATS_TEST_TMPDIR/log" 2>&1 3>&-
}

@test "reprotest builds the same packages however the two builds differ, and make deb does, too" {
  unpack_source "$BATS_TEST_TMPDIR/source"
  reproduce "$BATS_TEST_TMPDIR/source" || { tail -n 60 "$BATS_TEST_TMPDIR/log" && false; }
  run -1 grep "Setting locale failed" "$BATS_TEST_TMPDIR/log"
  local built=$BATS_TEST_TMPDIR/built
  equal "$(cd "$built/experiment-1" && sha256sum -- *.deb)" "$(cd "$DEB" && sha256sum -- *.deb)"
  equal "$(cd "$built/control" && sha256sum -- *.deb)" "$(cd "$DEB" && sha256sum -- *.deb)"
}

@test "reprotest would find that a build depends on where it is made" {
  unpack_source "$BATS_TEST_TMPDIR/source"
  # shellcheck disable=SC2016 # for make
  printf '%s\n' 'execute_after_dh_auto_install:' \
    '	pwd >$(CURDIR)/debian/wsgi-once/usr/share/wsgi-once/where' \
    >>"$BATS_TEST_TMPDIR/source/debian/rules"
  run ! reproduce "$BATS_TEST_TMPDIR/source"
  grep -E '^Binary files .*wsgi-once_.*\.deb differ$' "$BATS_TEST_TMPDIR/log"
}
