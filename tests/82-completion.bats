#!/usr/bin/env bats
# ways: source

# Shell completion, tested in the shells themselves.

load helpers

setup_file() {
  cd "$BATS_TEST_DIRNAME/.." || return
  export MADE=$BATS_FILE_TMPDIR/build/completions
  env -u MAKEFLAGS -u MAKELEVEL make --silent BUILD="$BATS_FILE_TMPDIR/build" \
    "$MADE/wsgi-once" "$MADE/_wsgi-once" "$MADE/wsgi-once.fish"
}

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir sub "with blank"
  touch app.py site.wsgi notes.txt "with blank/deep.py"
}

teardown() {
  :
}

# Each function prints the completions of the last word, one per line.

# complete_in_bash WORD...
complete_in_bash() {
  bash --norc -c '
    . "$0"
    compopt() { :; } # readline is not active
    COMP_WORDS=(wsgi-once "$@") COMP_CWORD=$#
    _wsgi_once
    printf "%s\n" "${COMPREPLY[@]}"' "$MADE/wsgi-once" "$@"
}

# complete_in_fish LINE
complete_in_fish() {
  # shellcheck disable=SC2016 # for fish
  HOME=$BATS_TEST_TMPDIR fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
    "$MADE/wsgi-once.fish" "$1" | cut -f1
}

# complete_in_zsh LINE: runs an interactive zsh in a terminal. A wrapper of compadd, to which the
# completion functions pass their matches, writes the matches to a file.
complete_in_zsh() {
  rm -f found end
  cat >rc <<END
PS1= fpath=($MADE \$fpath)
autoload -Uz compinit && compinit -u -d $PWD/dump
compadd() {
  local -a taken
  if [[ -z \${@[(r)-[OAD]]} ]]; then
    builtin compadd -A taken "\$@"
    print -rl -- \$taken >>$PWD/found
  fi
  builtin compadd "\$@"
}
at_end() { : >$PWD/end }
zle -N at_end
bindkey '^X' at_end
END
  # shellcheck disable=SC2016 # for zsh
  timeout "$PATIENCE" zsh -f -c 'zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "source rc"
    zpty -w -n shell "$1"$'"'\t\030'"'
    until [[ -e end ]]; do zpty -r -t shell || sleep 0.02; done
    zpty -d shell' zsh "$1" >/dev/null
  sort -u found | grep .
}

# Prints the options in the manual, with "=" after those that take an argument.
in_manual() {
  sed -nE 's/^\.It Fl -([a-z][a-z-]*)$/--\1/p; s/^\.It Fl -([a-z][a-z-]*) Ns = .*/--\1=/p' \
    "$TESTS/../src/wsgi-once.8" | sort
}

@test "the completion scripts are well-formed" {
  bash -n "$MADE/wsgi-once"
  shellcheck --shell=bash "$MADE/wsgi-once"
  zsh -n "$MADE/_wsgi-once"
  HOME=$BATS_TEST_TMPDIR fish --no-execute "$MADE/wsgi-once.fish"
}

@test "all options of the manual are completed" {
  (($(in_manual | wc -l) > 25))
  in_manual | diff - <(complete_in_bash -- | sort)
  in_manual | tr -d = | sort | diff - <(complete_in_fish "wsgi-once --" | tr -d = | sort)
  in_manual | tr -d = | sort | diff - <(complete_in_zsh "wsgi-once --" | tr -d = | sort)
}

@test "an option's fixed values are completed" {
  local words=$'none\njournal\nstderr'
  equal "$(complete_in_bash --access-log = | sort)" "$(sort <<<"$words")"
  equal "$(complete_in_bash --access-log = st)" stderr
  equal "$(complete_in_fish "wsgi-once --access-log=" | sed 's/.*=//' | sort)" "$(sort <<<"$words")"
  equal "$(complete_in_zsh "wsgi-once --access-log=" | sort)" "$(sort <<<"$words")"
  equal "$(complete_in_bash --import = w)" worker
}

@test "an option that takes a directory completes directories only" {
  equal "$(complete_in_bash --directory = | sort)" $'sub\nwith blank'
  equal "$(complete_in_bash --directory = 'with\ b')" "with blank"
  equal "$(complete_in_fish "wsgi-once --venv=" | sed 's/.*=//; s|/$||' | sort)" $'sub\nwith blank'
  equal "$(complete_in_zsh "wsgi-once --python-path=s" | sed 's|/$||')" sub
}

@test "an option that takes a number completes nothing" {
  equal "$(complete_in_bash --spare =)" ""
  equal "$(complete_in_fish "wsgi-once --spare=")" ""
  run ! complete_in_zsh "wsgi-once --spare="
}

@test "the application completes Python files, WSGI files and directories" {
  equal "$(complete_in_bash "" | sort)" $'app.py\nsite.wsgi\nsub\nwith blank'
  equal "$(complete_in_bash --single 'with\ blank/')" "with blank/deep.py"
  local offered
  for offered in app.py site.wsgi; do
    complete_in_fish "wsgi-once --single " | grep -qxF "$offered"
    complete_in_zsh "wsgi-once --single " | grep -qxF "$offered"
  done
  run ! grep -x notes.txt <(complete_in_zsh "wsgi-once ")
}
