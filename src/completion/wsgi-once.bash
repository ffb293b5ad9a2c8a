# shellcheck shell=bash
# Completes options and their values. The build puts them above this text, as _wsgi_once_options.

# _wsgi_once_offer BEGINNING COMPGEN-OPTION...: offers what compgen finds.
_wsgi_once_offer() {
  local found
  while IFS= read -r found; do
    COMPREPLY+=("$found")
  done < <(compgen "${@:2}" -- "$1")
}

_wsgi_once_value() { # option, beginning
  case ${_wsgi_once_options[$1]-} in
    '') ;;
    DIRECTORY)
      compopt -o filenames
      _wsgi_once_offer "$2" -d
      ;;
    *) _wsgi_once_offer "$2" -W "${_wsgi_once_options[$1]}" ;;
  esac
}

_wsgi_once_option() { # beginning
  _wsgi_once_offer "$1" -W "${!_wsgi_once_options[*]}"
  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}

_wsgi_once_application() { # beginning
  compopt -o filenames
  _wsgi_once_offer "$1" -d
  _wsgi_once_offer "$1" -f -X '!*.wsgi'
  _wsgi_once_offer "$1" -f -X '!*.py'
}

# bash makes "=" a separate word, and leaves the backslashes before blanks in the words.
_wsgi_once() {
  local word=${COMP_WORDS[COMP_CWORD]//\\/} before=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if [[ $word == = ]]; then
    _wsgi_once_value "$before=" ""
  elif [[ $before == = ]]; then
    _wsgi_once_value "${COMP_WORDS[COMP_CWORD - 2]}=" "$word"
  elif [[ $word == -* ]]; then
    _wsgi_once_option "$word"
  else
    _wsgi_once_application "$word"
  fi
}

complete -F _wsgi_once wsgi-once
