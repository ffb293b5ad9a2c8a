#!/usr/bin/env bats
# ways: newcomer
# lasts: 200 s

# The commands of README, for a new user who has installed make, git and ca-certificates. They run
# in copies of the root file system $ROOT, which has nothing else, with the release $TARBALL. See
# tests/suites.

load helpers

# is_documented COMMAND [FILE]: checks that it is a line of README.md, or of this file.
is_documented() {
  local file=$TESTS/../${2-README.md}
  grep -qxF -- "$1" "$file" || grep -qE "^$1  +# " "$file"
}

# newcomer SCRIPT: runs the script in the unpacked release.
newcomer() {
  "$TESTS/in-root" --copy "$ROOT" sh -euc "
    export LC_ALL=C.UTF-8
    tar --extract --gunzip --no-same-owner
    cd wsgi-once-*
    $1" <"$TARBALL"
}

# prepare_app makes the app of README's "Deploy"; deploy runs the commands of that section, in a
# booted systemd. tests/with-systemd needs mount(8), which systemd may only recommend.
prepare_app='
  apt-get install --quiet --yes --no-install-recommends mount >/dev/null
  mkdir -p /srv/blog
  printf "%s\n" "def app(environ, start_response):" \
    "    start_response(\"200 OK\", [(\"Content-Type\", \"text/plain\")])" \
    "    return [b\"The blog.\"]" >/srv/blog/blog.py'
deploy='
  printf "%s\n" "[App]" "Application=blog:app" "Directory=/srv/blog" >/etc/wsgi-once/blog.conf
  systemctl daemon-reload
  systemctl start wsgi-once-blog.socket
  curl --silent --show-error --unix-socket /run/wsgi-once/blog.sock http://localhost/'

@test "make run serves the demo app" {
  is_documented "make run"
  run -0 newcomer '
    make run LISTEN=/tmp/demo >/tmp/log 2>&1 &
    until grep -q "^Listening on" /tmp/log; do
      kill -0 "$!" || { cat /tmp/log; exit 1; }
      sleep 0.1
    done
    curl --silent --unix-socket /tmp/demo http://localhost/'
  equal "${lines[-1]}" "Hello from a process of its own."
}

@test "make check JOBS=unit installs the packages that it needs, and no others" {
  is_documented "make check JOBS=unit" tests/README.md
  run -0 newcomer '
    make check JOBS=unit WERROR=1
    ! command -v bats clang'
  [[ ${lines[-1]} =~ ^[0-9]+\ passed,\ 0\ failed,\ 0\ skipped$ ]]
}

@test "after make install, a file in /etc/wsgi-once deploys an app" {
  is_documented "sudo make install"
  run -0 newcomer "
    make run LISTEN=/dev/null/nowhere >/tmp/log 2>&1 || : # installs packages
    make install
    $prepare_app
    tests/with-systemd -- sh -euc '$deploy'"
  equal "${lines[-1]}" "The blog."
}

@test "the package deploys an app; removed and purged, it leaves the user's files only" {
  is_documented "make deb"
  is_documented "sudo apt install ./build/deb/wsgi-once_*.deb"
  run -0 newcomer "
    make deb
    apt-get install --quiet --yes --no-install-recommends ./build/deb/wsgi-once_*.deb curl systemd
    $prepare_app
    tests/with-systemd -- sh -euc '
      systemctl list-units --all --plain --no-legend \"wsgi-once*\" | tee /run/started
      ! [ -s /run/started ]
      $deploy
      echo
      dpkg --remove wsgi-once
      systemctl list-units --all --plain --no-legend \"wsgi-once*\" | tee /run/left
      ! [ -s /run/left ]
      dpkg --purge wsgi-once
      find / -xdev -xtype l -path \"*wsgi-once*\"
      echo == left
      find / -xdev -path \"*wsgi-once*\" ! -path \"\$PWD*\" | sort
      '"
  contains "$output" $'\nThe blog.\n'
  equal "${output##*== left$'\n'}" "/etc/wsgi-once
/etc/wsgi-once/blog.conf
/var/lib/private/wsgi-once-blog
/var/lib/wsgi-once-blog"
}
