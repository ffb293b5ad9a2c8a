#!/usr/bin/env bats
# ways: both
#
# Flask, Django and httpbin, as packaged by the distribution.

load helpers

# json EXPRESSION: prints a value of the JSON on standard input, which EXPRESSION calls `it`.
json() {
  /usr/bin/python3 -ISc "import json, sys; it = json.load(sys.stdin); print(($1))"
}

@test "Flask serves a page, a form, and a variable part of the path" {
  serve demo:app
  equal "$(http /)" "Hello from a process of its own."
  equal "$(http / --data-urlencode "text=grün & <b>")" "You sent: grün &amp; &lt;b&gt;"
  equal "$(http / --form "text=in several parts")" "You sent: in several parts"
  equal "$(http / --header "Transfer-Encoding: chunked" --data text=chunks)" "You sent: chunks"
  equal "$(http /user/J%C3%BCrgen%20M.)" "Hello, Jürgen M.."
  equal "$(status /nowhere)" 404
  equal "$(status /user/x --request DELETE)" 405
  for _ in 1 2 3 4 5 6 7; do
    equal "$(exit_status)" 0
  done
}

@test "Flask works below a mount point" {
  serve --mount=/demo demo:app
  equal "$(http /demo/user/Ada)" "Hello, Ada."
  equal "$(status /user/Ada)" 404
}

@test "Django serves pages and queries, and redirects to the trailing slash" {
  serve django_site
  equal "$(http "/?q=a%20b")" "GET /?q=a%20b a b"
  equal "$(http "/page/gr%C3%BCn/")" "page grün"
  equal "$(http /page/x --write-out '%{http_code} %{redirect_url}')" "301 $ORIGIN/page/x/"
  equal "$(http / --head --write-out '%{http_code}' --output /dev/null)" 200
}

@test "Django accepts forms and uploads, and refuses forged ones" {
  serve django_site
  head --bytes=3000000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
  equal "$(http /form --data-urlencode "text=über")" "über []"
  equal "$(http /form --form text=with --form "file=@$BATS_TEST_TMPDIR/zeros")" \
    "with ['zeros: 3000000']"
  # Django ignores content without a length: wsgi-once-apps(7)
  equal "$(http /form --header "Transfer-Encoding: chunked" --data text=lost)" "None []"
  equal "$(status /guarded --data text=forged)" 403
}

@test "Django serves files, streams and errors" {
  serve django_site
  http /source --output "$BATS_TEST_TMPDIR/source"
  cmp "$BATS_TEST_TMPDIR/source" "$APPS/django_site.py"
  equal "$(http /stream)" "0
1
2"
  run -0 http /fail --include
  contains "$output" "HTTP/1.1 500 "
  [[ $output != *secret* ]]
  for _ in 1 2 3; do
    equal "$(exit_status)" 0
  done
}

@test "httpbin gets what the client sends" {
  serve httpbin:app
  local answer
  answer=$(http "/get?a=1&b=%26%C3%BC" --header "X-Word: hello")
  equal "$(json 'it["args"], it["headers"]["X-Word"]' <<<"$answer")" \
    "({'a': '1', 'b': '&ü'}, 'hello')"
  answer=$(http /post --data-urlencode "text=a&b" --data number=5)
  equal "$(json 'it["form"]' <<<"$answer")" "{'number': '5', 'text': 'a&b'}"
  answer=$(http /post --header "Content-Type: application/json" --data '{"list": [1, "ü", null]}')
  equal "$(json 'it["json"]' <<<"$answer")" "{'list': [1, 'ü', None]}"
  echo "the content of the file" >"$BATS_TEST_TMPDIR/file"
  answer=$(http /post --form text=x --form "upload=@$BATS_TEST_TMPDIR/file")
  equal "$(json 'it["files"], it["form"]' <<<"$answer")" \
    "({'upload': 'the content of the file\\n'}, {'text': 'x'})"
}

@test "httpbin gets content in chunks, and content after 100 Continue" {
  serve httpbin_chunked:app
  head --bytes=200000 /dev/zero | tr '\0' 'x' >"$BATS_TEST_TMPDIR/file"
  for field in "Transfer-Encoding: chunked" "Expect: 100-continue"; do
    http /anything --header "$field" --header "Content-Type: text/plain" \
      --data-binary "@$BATS_TEST_TMPDIR/file" >"$BATS_TEST_TMPDIR/answer"
    equal "$(json 'it["method"], it["data"] == 200000 * "x"' <"$BATS_TEST_TMPDIR/answer")" \
      "('POST', True)"
  done
}

@test "httpbin supports methods and statuses" {
  serve httpbin:app
  equal "$(status /status/418)" 418
  equal "$(status /status/204)" 204
  equal "$(status /status/304)" 304
  equal "$(status /delete --request DELETE)" 200
  equal "$(http /put --request PUT --data x=y | json 'it["form"]')" "{'x': 'y'}"
  contains "$(http /status/418)" "teapot"
  equal "$(status /basic-auth/ada/pass)" 401
  equal "$(http /basic-auth/ada/pass --user ada:pass | json 'it["user"]')" "ada"
}

@test "httpbin serves streams and bytes" {
  serve httpbin:app
  equal "$(http /stream/3 | while read -r line; do json 'it["id"]' <<<"$line"; done)" "0
1
2"
  equal "$(http "/bytes/70000?seed=1" | wc --bytes)" 70000
  equal "$(http "/stream-bytes/5000?seed=1&chunk_size=7" | cksum)" \
    "$(http "/stream-bytes/5000?seed=1&chunk_size=1000" | cksum)"
  equal "$(http "/drip?duration=0.05&numbytes=5&delay=0")" "*****"
  equal "$(http "/range/100?chunk_size=9" --range 0-4)" "abcde"
  equal "$(status /delay/0)" 200
}

@test "httpbin serves redirects, cookies and compressed content" {
  serve httpbin:app
  equal "$(http /redirect/2 --location --output /dev/null --write-out '%{num_redirects}')" 2
  local cookies="/cookies/set?taste=sweet&size=big"
  equal "$(http "$cookies" --location --cookie "" | json 'it["cookies"]')" \
    "{'size': 'big', 'taste': 'sweet'}"
  equal "$(http /gzip --compressed | json 'it["gzipped"]')" True
  equal "$(http /deflate --compressed | json 'it["deflated"]')" True
}
