#!/usr/bin/env bats
# ways: applications
#
# Whole applications, as packaged by the distribution: only their own configuration is set, and
# their own clients use them.

load applications

# ---- klaus: git over HTTP ----

# git(1) does not support unix sockets.
export FAMILY=tcp

git() {
  GIT_CONFIG_NOSYSTEM=1 HOME=$BATS_TEST_TMPDIR command git -c user.name=Ada \
    -c user.email=ada@example.org -c init.defaultBranch=main "$@"
}

# Makes a repository for klaus. An import lists the working directory, which must not change.
make_project() {
  cd "$BATS_TEST_TMPDIR" || return
  git init --quiet work
  head --bytes=3000000 /dev/urandom >work/large
  echo "# A heading" >work/README.md
  git -C work add .
  git -C work commit --quiet --message="The first one"
  git clone --quiet --bare work project.git
  export KLAUS_REPOS=$PWD/project.git KLAUS_SITE_NAME="A site" KLAUS_USE_SMARTHTTP=1 \
    KLAUS_UNAUTHENTICATED_PUSH=1
}

serve_klaus() {
  mkdir "$BATS_TEST_TMPDIR/empty"
  cd "$BATS_TEST_TMPDIR/empty" && serve_persistently klaus.contrib.wsgi:application &&
    cd .. || return
}

# The control: git can clone from this klaus when wsgiref serves it.
can_be_cloned_elsewhere() {
  local port server result=0
  coproc WSGIREF { exec /usr/bin/python3 -u -c '
from klaus.contrib.wsgi import application
from wsgiref.simple_server import make_server
with make_server("127.0.0.1", 0, application) as server:
    print(server.server_port)
    server.serve_forever()' 2>/dev/null 3>&- 4>&-; }
  server=$WSGIREF_PID
  read -r port <&"${WSGIREF[0]}"
  git clone --quiet "http://127.0.0.1:$port/project" elsewhere || result=$?
  kill "$server"
  wait "$server" || :
  return "$result"
}

@test "klaus shows a repository" {
  make_project
  serve_klaus
  contains "$(http / --location)" "A site"
  contains "$(http /project/ --location)" "The first one"
  contains "$(http /project/raw/main/README.md --location)" "# A heading"
  http /project/raw/main/large --location | cmp - work/large
}

@test "klaus serves git clone and git push" {
  make_project
  serve_klaus
  if ! git clone --quiet "$ORIGIN/project" copy && ! can_be_cloned_elsewhere; then
    skip "impossible: this klaus serves no git clone, in wsgiref neither"
  fi
  cmp copy/large work/large
  echo "more" >copy/more
  git -C copy add .
  git -C copy commit --quiet --message="The second one"
  git -C copy push --quiet
  equal "$(git -C project.git log --format=%s)" $'The second one\nThe first one'
  git -C work pull --quiet "$ORIGIN/project" main
  equal "$(cat work/more)" more
}

# ---- Radicale: CalDAV ----

# dav METHOD PATH [CURL-ARGUMENT]...: prints the status code, and writes the content to
# $BATS_TEST_TMPDIR/content.
dav() {
  status "$2" --request "$1" --user ada:secret --output "$BATS_TEST_TMPDIR/content" "${@:3}"
}

content() {
  cat "$BATS_TEST_TMPDIR/content"
}

calendar='<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>
<D:displayname>Termine für Ada</D:displayname></D:prop></D:set></C:mkcalendar>'
event='BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//test//EN
BEGIN:VEVENT
UID:breakfast@example.org
DTSTAMP:20260101T000000Z
DTSTART:20260102T080000Z
SUMMARY:Frühstück
END:VEVENT
END:VCALENDAR'
query='<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/>
<C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="20260102T000000Z" end="20260103T000000Z"/></C:comp-filter></C:comp-filter>
</C:filter></C:calendar-query>'

# One user, and calendars in files.
radicale() {
  export RADICALE_CONFIG=$BATS_TEST_TMPDIR/radicale.conf
  echo "ada:secret" >"$BATS_TEST_TMPDIR/users"
  printf '%s\n' >"$RADICALE_CONFIG" "[auth]" "type = htpasswd" "htpasswd_encryption = plain" \
    "htpasswd_filename = $BATS_TEST_TMPDIR/users" "delay = 0" "[storage]" \
    "filesystem_folder = $BATS_TEST_TMPDIR/collections" "[logging]" "level = warning"
  serve_persistently radicale:application
}

@test "Radicale creates, lists, changes and deletes a calendar and an event" {
  radicale
  equal "$(status /ada/ --request PROPFIND)" 401
  equal "$(dav PROPFIND /ada/ --header "Depth: 1")" 207
  equal "$(dav MKCALENDAR /ada/dates/ --data-binary "$calendar")" 201
  equal "$(dav PROPFIND /ada/ --header "Depth: 1")" 207
  contains "$(content)" "/ada/dates/"
  contains "$(content)" "Termine für Ada"

  equal "$(dav PUT /ada/dates/breakfast.ics --header "Content-Type: text/calendar" \
    --data-binary "${event//$'\n'/$'\r\n'}")" 201
  equal "$(dav GET /ada/dates/breakfast.ics)" 200
  contains "$(content)" "SUMMARY:Frühstück"
  equal "$(dav REPORT /ada/dates/ --header "Depth: 1" --data-binary "$query")" 207
  contains "$(content)" "breakfast.ics"
  equal "$(dav REPORT /ada/dates/ --header "Depth: 1" --data-binary "${query//2026/2025}")" 207
  [[ $(content) != *breakfast* ]]

  equal "$(dav DELETE /ada/dates/breakfast.ics)" 200
  equal "$(dav GET /ada/dates/breakfast.ics)" 404
  equal "$(dav DELETE /ada/dates/)" 200
  equal "$(dav PROPFIND /ada/dates/ --header "Depth: 0")" 404
}

@test "Radicale works with cadaver, a WebDAV client" {
  radicale
  equal "$(dav MKCALENDAR /ada/dates/ --data-binary "$calendar")" 201
  equal "$(dav PUT /ada/dates/breakfast.ics --data-binary "${event//$'\n'/$'\r\n'}")" 201
  export HOME=$BATS_TEST_TMPDIR
  echo "machine ${ORIGIN#http://} login ada password secret" | sed 's/:[0-9]* / /' >"$HOME/.netrc"
  chmod 600 "$HOME/.netrc"
  printf '%s\n' "ls" "get breakfast.ics $HOME/fetched.ics" "delete breakfast.ics" "ls" "quit" |
    cadaver "$ORIGIN/ada/dates/" >"$HOME/said"
  contains "$(cat "$HOME/said")" "breakfast.ics"
  contains "$(cat "$HOME/fetched.ics")" "SUMMARY:Frühstück"
  equal "$(dav GET /ada/dates/breakfast.ics)" 404
}

# ---- Xandikos: WebDAV ----

# Xandikos lacks COPY, MOVE, LOCK and most properties, so the rest of litmus does not apply.
@test "Xandikos passes litmus, the test suite for WebDAV servers" {
  type -P litmus >/dev/null || skip "litmus is not installed"
  export XANDIKOSPATH=$BATS_TEST_TMPDIR/dav AUTOCREATE=defaults
  serve_persistently xandikos.wsgi:app
  cd "$BATS_TEST_TMPDIR" # litmus writes files
  TESTS="basic http" run -0 litmus "$ORIGIN/user/calendars/"
  equal "$(grep -c "100.0%" <<<"$output")" 2
}

# ---- Graphite: a large Django application ----

# graphite_python STATEMENT...: runs Python with Graphite's settings.
graphite_python() {
  PYTHONPATH=$BATS_TEST_TMPDIR/settings DJANGO_SETTINGS_MODULE=graphite.settings \
    /usr/bin/python3 -W ignore -c "$(printf '%s\n' "$@")"
}

@test "Graphite finds metrics, renders numbers and a picture, and keeps dashboards" {
  local now
  export MAY_IMPORT=1 # it looks at its own log when it is imported
  printf -v now '%(%s)T'
  mkdir "$BATS_TEST_TMPDIR"/{whisper,logs,settings}
  cat >"$BATS_TEST_TMPDIR/settings/settings_of_graphite.py" <<END
SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["*"]
TIME_ZONE = "UTC"
CONF_DIR = "/etc/graphite"
STORAGE_DIR = WHISPER_DIR = "$BATS_TEST_TMPDIR/whisper"
LOG_DIR = "$BATS_TEST_TMPDIR/logs"
INDEX_FILE = "$BATS_TEST_TMPDIR/index"
CARBONLINK_HOSTS = []
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "$BATS_TEST_TMPDIR/graphite.db"}
}
END
  export GRAPHITE_SETTINGS_MODULE=settings_of_graphite DJANGO_SETTINGS_MODULE=graphite.settings
  graphite_python "import django, django.core.management" "django.setup()" \
    "django.core.management.call_command('migrate', run_syncdb=True, verbosity=0)"
  mkdir "$BATS_TEST_TMPDIR/whisper/house"
  graphite_python "import whisper" "file = '$BATS_TEST_TMPDIR/whisper/house/warmth.wsp'" \
    "whisper.create(file, [(60, 1440)])" \
    "whisper.update_many(file, [($now - 60 * n, 20 + n) for n in range(10)])"

  serve_persistently --python-path="$BATS_TEST_TMPDIR/settings" graphite.wsgi:application
  equal "$(http "/metrics/find?query=house.*" | json '[each["text"] for each in it]')" "['warmth']"
  equal "$(http "/render?target=maxSeries(house.*)&from=-20min&format=json" |
    json 'sorted(y for y, _ in it[0]["datapoints"] if y is not None)[-2:]')" "[28.0, 29.0]"
  http "/render?target=house.warmth&from=-20min&width=300&height=200" \
    --output "$BATS_TEST_TMPDIR/picture"
  equal "$(head --bytes=8 "$BATS_TEST_TMPDIR/picture" | od -An -tx1 | tr -d ' \n')" 89504e470d0a1a0a
  equal "$(status /)" 200
  equal "$(http /dashboard/save/mine --data-urlencode 'state={"name": "mine", "graphs": []}' |
    json 'it["success"]')" True
  equal "$(http /dashboard/load/mine | json 'it["state"]["name"]')" mine
}
