#!/usr/bin/env bats
# ways: applications
#
# Frameworks as packaged by the distribution, each with the same small site.

load applications

# The site works: see tests/apps/*_site.py.
serves_the_site() {
  head --bytes=3000000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
  equal "$(http /hello/J%C3%BCrgen%20M)" "Hello, Jürgen M."
  equal "$(http /form --data-urlencode "text=grün & <b>")" "grün & <b> None"
  equal "$(http /form --form "text=grün" --form "file=@$BATS_TEST_TMPDIR/zeros")" "grün 3000000"
  equal "$(http /moved --write-out '%{http_code} %{redirect_url}' --output /dev/null)" \
    "302 $ORIGIN/hello/you"
  http /source | cmp - "$APPS/$1.py"
  equal "$(http /stream)" $'0\n1\n2'
  equal "$(status /nowhere)" 404
  equal "$(status /fail)" 500
  equal "$(http /hello/again)" "Hello, again."
}

@test "Pyramid serves the site" {
  serve_persistently pyramid_site:app
  serves_the_site pyramid_site
}

@test "Falcon serves the site" {
  serve_persistently falcon_site:app
  serves_the_site falcon_site
}

@test "Bottle serves the site" {
  serve_persistently bottle_site:app
  serves_the_site bottle_site
}

@test "CherryPy serves the site" {
  serve_persistently cherrypy_site:app
  serves_the_site cherrypy_site
}

@test "Pecan serves the site" {
  serve_persistently pecan_site:app
  serves_the_site pecan_site
}

# visits PATH: prints three answers to the same browser.
visits() {
  browse "$1"
  browse "$1"
  browse "$1"
}

@test "a session in memory ends with its process, one in files persists" {
  export SESSIONS=$BATS_TEST_TMPDIR/sessions
  mkdir "$SESSIONS"
  serve_persistently cherrypy_sessions:in_memory
  equal "$(visits /)" $'1\n1\n1'
  rm "$BATS_TEST_TMPDIR/cookies"
  serve_persistently cherrypy_sessions:in_files
  equal "$(visits /)" $'1\n2\n3'
}

@test "a session in a signed cookie persists" {
  serve_persistently flask_session:app
  equal "$(browse /)" nobody
  equal "$(browse /login --data-urlencode name=Jürgen --location)" Jürgen
  equal "$(browse /)" Jürgen
  equal "$(http /)" nobody
  equal "$(http / --cookie session=eyJuYW1lIjoiYWRhIn0.aaaaaa.forged)" nobody
}

@test "a cache in memory has only what existed before the fork, one in files persists" {
  export CACHE=$BATS_TEST_TMPDIR/cache
  serve_persistently django_caches
  equal "$(visits /memory)" $'1\n1\n1'
  equal "$(visits /files)" $'1\n2\n3'
  serve_persistently --warm-up=/memory django_caches
  case $WAY${THAW:+, thawed} in
    server | *thawed) equal "$(visits /memory)" $'2\n2\n2' ;;
    accept) equal "$(visits /memory)" $'1\n1\n1' ;;
  esac
  equal "$(visits /files)" $'4\n5\n6'
}

# ---- Django's admin ----

# manage COMMAND [ARGUMENT]...
manage() {
  PYTHONPATH=$APPS /usr/bin/python3 -c 'import sys, django_admin
from django.core.management import call_command
call_command(*sys.argv[1:], verbosity=0)' "$@"
}

# Prints the CSRF token in the form of a page.
token_of() { # path
  browse "$1" | sed -n 's/.*name="csrfmiddlewaretoken" value="\([^"]*\)".*/\1/p' | head --lines=1
}

submit() { # path, curl's arguments
  local token
  token=$(token_of "$1")
  [[ $token ]]
  browse "$1" --data-urlencode "csrfmiddlewaretoken=$token" --output "$BATS_TEST_TMPDIR/page" \
    --write-out '%{http_code} %{redirect_url}' "${@:2}"
}

@test "Django's admin: log in, add, change, delete, log out, serve static files" {
  export DATABASE=$BATS_TEST_TMPDIR
  manage migrate
  DJANGO_SUPERUSER_PASSWORD=secret manage createsuperuser --no-input --username=ada \
    --email=ada@example.org
  serve_persistently django_admin:application
  equal "$(browse /admin/ --write-out '%{http_code} %{redirect_url}' --output /dev/null)" \
    "302 $ORIGIN/admin/login/?next=/admin/"

  equal "$(submit /admin/login/ --data username=ada --data password=wrong)" "200 "
  equal "$(submit "/admin/login/?next=/admin/" --data username=ada --data password=secret)" \
    "302 $ORIGIN/admin/"
  contains "$(browse /admin/)" "ada"
  equal "$(browse /admin/auth/group/add/ --data name=forged --output /dev/null \
    --write-out '%{http_code}')" 403

  equal "$(submit /admin/auth/group/add/ --data-urlencode "name=Bücherfreunde")" \
    "302 $ORIGIN/admin/auth/group/"
  contains "$(browse /admin/auth/group/)" "Bücherfreunde"
  equal "$(submit /admin/auth/group/1/change/ --data name=Readers)" "302 $ORIGIN/admin/auth/group/"
  run -0 browse /admin/auth/group/
  contains "$output" "Readers"
  [[ $output != *forged* ]]
  # The next request shows the message.
  contains "$output" "was changed successfully"
  equal "$(submit /admin/auth/group/1/delete/ --data post=yes)" "302 $ORIGIN/admin/auth/group/"
  contains "$(browse /admin/auth/group/)" "0 groups"

  # Not all versions have a form for this.
  local token
  token=$(token_of /admin/password_change/)
  contains "$(browse /admin/logout/ --data "csrfmiddlewaretoken=$token")" "Logged out"
  equal "$(browse /admin/ --output /dev/null --write-out '%{http_code}')" 302

  browse /static/admin/css/base.css | cmp - \
    /usr/lib/python3/dist-packages/django/contrib/admin/static/admin/css/base.css
  equal "$(status /static/admin/css/none.css)" 404
}
