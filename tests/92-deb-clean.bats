#!/usr/bin/env bats
# ways: deb-clean
# lasts: 200 s

# Debian's tools for packages: piuparts(1) checks what the package leaves behind in a minimal root
# file system, reprotest(1) whether its build is reproducible.

load packages

# repack SOURCE TARGET COMMAND...: copies a package, after COMMAND has changed the control files in
# its working directory.
repack() {
  local files
  files=$(mktemp -d "$BATS_FILE_TMPDIR/files.XXXXXX")
  dpkg-deb --raw-extract "$1" "$files"
  (cd "$files/DEBIAN" && "${@:3}")
  dpkg-deb --root-owner-group -Znone --build "$files" "$2" >/dev/null
}

# ---- piuparts -----------------------------------------------------------------------------------

# Prints why a root file system cannot be made here, or nothing.
obstacle() {
  ((EUID == 0)) || { echo "it takes root" && return; }
  unshare --mount true 2>/dev/null || { echo "new namespaces are not allowed here" && return; }
  [[ -n $(sources) ]] || echo "this machine knows no archive of its distribution"
}

# Prints the machine's package sources. apt(8) knows them, so that no mirror is named here.
sources() {
  local origin
  for origin in Debian Ubuntu; do
    apt-get indextargets "Origin: $origin" "Created-By: Packages" --format "deb \
[signed-by=/usr/share/keyrings/${origin,,}-archive-keyring.gpg] \$(SITE) \$(RELEASE) \$(COMPONENT)"
  done | sort -u
}

# make_base: makes a root file system and sets BASE. Dependencies are installed and their dangling
# links removed, since they are not under test. Its apt knows an older version of the package.
make_base() {
  local archive=$BATS_FILE_TMPDIR/archive depends
  export BASE=$BATS_FILE_TMPDIR/base.tar.gz
  mkdir --mode=755 "$archive"
  repack "$(deb)" "$archive/older.deb" sed -i '/^Version:/s/$/~older/' control
  (cd "$archive" && dpkg-scanpackages . >Packages 2>/dev/null)
  depends=$(dpkg-deb --field "$(deb)" Depends)
  # A mirror of an unreleased distribution may lag behind, and apt(8) would refuse it as outdated.
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

# piuparts_of DEB [OPTION]...: runs piuparts in a mount namespace, so that no mount is left in any
# case. Dangling links are errors, and files in /tmp count. The sources are the machine's, and
# libeatmydata(7), which piuparts would preload, is not under test.
piuparts_of() {
  TMPDIR=$BATS_TEST_TMPDIR unshare --mount piuparts --basetgz="$BASE" --keep-sources-list \
    --no-check-valid-until --no-eatmydata --fail-on-broken-symlinks --pedantic-purge-test \
    --log-level=info "${@:2}" "$1" 3>&-
}

@test "piuparts reports nothing: install, remove, reinstall, upgrade, purge" {
  [[ -z $OBSTACLE ]] || skip "$OBSTACLE"
  run -0 piuparts_of "$(deb)" --install-remove-install
  contains "$output" "PASS: Installation and purging test."
  contains "$output" "PASS: Installation, upgrade and purging tests."
  contains "$output" "PASS: All tests."
}

@test "the control: piuparts reports a directory that the package leaves behind" {
  [[ -z $OBSTACLE ]] || skip "$OBSTACLE"
  repack "$(deb)" "$BATS_TEST_TMPDIR/wsgi-once.deb" \
    sed -i '/^set -e/s|$|; mkdir -p /var/lib/left-behind|' postinst
  run piuparts_of "$BATS_TEST_TMPDIR/wsgi-once.deb" --no-upgrade-test
  ((status != 0))
  contains "$output" "FAIL: Installation and purging test."
  contains "$output" /var/lib/left-behind
}

# ---- reprotest ----------------------------------------------------------------------------------

# Unpacks the source with dpkg-source(1).
unpack_source() { # directory
  local dsc=("$DEB"/wsgi-once_*.dsc)
  dpkg-source --no-check --extract "${dsc[0]}" "$1" >/dev/null
}

# reproduce SOURCE: builds it twice with all variations of reprotest(1): environment, path, kernel
# name, number of processors, time, order of directories, host name, home, locale, time zone, umask,
# address randomization. Except "user_group", which needs sudo(8) and a second user. The packages
# are in the directory "built". The package's tests are left out (nocheck): `make deb` has run them,
# and they do not affect the packages.
reproduce() {
  local build="dpkg-buildpackage --build=binary --no-sign"
  # reprotest uses the Estonian locale, in which z is not the last letter. Few machines have it.
  mkdir "$BATS_TEST_TMPDIR/locales"
  localedef --inputfile=et_EE --charmap=UTF-8 "$BATS_TEST_TMPDIR/locales/et_EE.UTF-8"
  TMPDIR=$BATS_TEST_TMPDIR unshare --mount reprotest --no-diffoscope --vary=-user_group \
    --build-command "export LOCPATH=$BATS_TEST_TMPDIR/locales DEB_BUILD_OPTIONS=nocheck; $build" \
    --store-dir="$BATS_TEST_TMPDIR/built" "$1" '../*.deb' >"$BATS_TEST_TMPDIR/log" 2>&1 3>&-
}

@test "reprotest builds identical packages in both builds, the same as make deb" {
  unpack_source "$BATS_TEST_TMPDIR/source"
  reproduce "$BATS_TEST_TMPDIR/source" || { tail -n 60 "$BATS_TEST_TMPDIR/log" && false; }
  run -1 grep "Setting locale failed" "$BATS_TEST_TMPDIR/log"
  local built=$BATS_TEST_TMPDIR/built
  equal "$(cd "$built/experiment-1" && sha256sum -- *.deb)" "$(cd "$DEB" && sha256sum -- *.deb)"
  equal "$(cd "$built/control" && sha256sum -- *.deb)" "$(cd "$DEB" && sha256sum -- *.deb)"
}

@test "the control: reprotest reports a build that depends on its path" {
  unpack_source "$BATS_TEST_TMPDIR/source"
  # shellcheck disable=SC2016 # for make
  printf '%s\n' 'execute_after_dh_auto_install:' \
    '	pwd >$(CURDIR)/debian/wsgi-once/usr/share/wsgi-once/where' \
    >>"$BATS_TEST_TMPDIR/source/debian/rules"
  run ! reproduce "$BATS_TEST_TMPDIR/source"
  grep -E '^Binary files .*wsgi-once_.*\.deb differ$' "$BATS_TEST_TMPDIR/log"
}
