# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion for sigbus-run, sigbus-stat and sigbus-explain in bash. What can be completed is asked of
# the programs: options of --help, the words of policies of --list, processes of sigbus-stat.

_sigbus_options() { # PROGRAM
    "$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u
}

# PIDs and names of the processes that have the library.
_sigbus_processes() {
    sigbus-stat 2>/dev/null | awk 'NR > 1 { print $1; print $2 }' | sort -u
}

# The words of a part of --list, without what stands in brackets or behind a colon.
_sigbus_list() { # actions|keys|presets
    sigbus-run --list 2>/dev/null | awk -v part="$1:" '
        /^[a-z]/ { inside = $0 == part; next }
        inside { sub(/\(.*/, "(", $1); sub(/:.*/, ":", $1); print $1 }'
}

# The words that a key can have, where --list names them.
_sigbus_values() { # KEY
    sigbus-run --list 2>/dev/null | sed -n "s/^  $1:GLOB .*: //p" | tr -d ',' | tr ' ' '\n' |
        grep -xE '[a-z0-9]+'
}

# Words for the end of a policy: what stands in front of them is kept.
_sigbus_policy() { # WORD
    local stem=${1%"${1##*[,=|&+]}"} rest=${1##*[,=|&+]} word
    local candidates

    case $stem in
    *[=\|]) candidates=$(_sigbus_list actions) ;;
    *+) candidates=$'quiet\nhangup' ;;
    *'&') candidates=$(_sigbus_list keys) ;;
    *) candidates=$(_sigbus_list presets && _sigbus_list keys) ;;
    esac
    if [[ $rest == *:* ]]; then
        stem=$stem${rest%%:*}: rest=${rest#*:}
        candidates=$(_sigbus_values "$(sed 's/.*[,&]//; s/:$//' <<<"$stem")")
    fi
    while read -r word; do
        [[ $word == "$rest"* && $word ]] && printf '%s\n' "$stem$word"
    done <<<"$candidates"
}

# The word at the cursor, whole: bash breaks it at each of ":=|&@".
_sigbus_word() {
    local line=${COMP_LINE:0:COMP_POINT}

    line=${line##*[[:blank:]]}
    printf '%s' "${line#[\'\"]}"
}

# Puts whole words into COMPREPLY, without the part that bash takes for words before this one.
_sigbus_reply() { # WORD CANDIDATES
    local word=$1 before=$1 here=${COMP_WORDS[COMP_CWORD]#[\'\"]} candidate

    [[ $here == [:=\|\&@,] ]] && here=
    before=${word%"$here"}
    before=${before%@} # COMP_WORDS has it apart, but readline takes it for a part of the word
    while read -r candidate; do
        [[ $candidate ]] && COMPREPLY+=("${candidate#"$before"}")
    done <<<"$2"
    [[ ${COMPREPLY[*]} != *[:=\(] ]] || compopt -o nospace 2>/dev/null
}

# The option whose value the word is: its name, and in $value the value so far.
_sigbus_option() {
    local whole=${COMP_LINE:0:COMP_POINT} last

    value=$(_sigbus_word)
    case $value in
    --*=*)
        printf '%s' "${value%%=*}"
        return
        ;;
    esac
    whole=${whole%"${whole##*[[:blank:]]}"}
    last=${whole%"${whole##*[![:blank:]]}"}
    printf '%s' "${last##*[[:blank:]]}"
}

# The index of COMMAND, or 0: the cursor is in front of it.
_sigbus_command() {
    local i

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --)
            echo $((i + 1))
            return
            ;;
        --policy | --log | --only)
            # With its value, which bash may have cut up.
            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
            ((i++))
            while [[ ${COMP_WORDS[i + 1]-} == [:=\|\&@,]* || ${COMP_WORDS[i]} == *[:=\|\&@,] ]] &&
                ((i + 1 < COMP_CWORD)); do
                ((i++))
            done
            ;;
        -*) ;;
        *)
            echo "$i"
            return
            ;;
        esac
    done
    echo 0
}

_sigbus_run() {
    local value word command option

    COMPREPLY=()
    word=$(_sigbus_word)
    command=$(_sigbus_command)
    if ((command && command < COMP_CWORD)) && declare -F _command_offset >/dev/null; then
        _command_offset "$command"
        return
    fi
    option=$(_sigbus_option)
    value=${word#--*=}
    case $option in
    --policy) _sigbus_reply "$value" "$(_sigbus_policy "$value")" ;;
    --log) _sigbus_reply "$value" "$(compgen -W 'stderr off journal fd: json:' -- "$value")
$(compgen -f -- "${value#json:}" | sed "s|^|$([[ $value == json:* ]] && echo json:)|")" ;;
    --only) _sigbus_reply "$value" "$(compgen -c -- "${value##*,}" | sort -u |
        sed "s|^|${value%"${value##*,}"}|")" ;;
    *)
        if [[ $word == -* ]]; then
            _sigbus_reply "$word" "$(compgen -W "$(_sigbus_options sigbus-run)" -- "$word")"
        else
            _sigbus_reply "$word" "$(compgen -c -- "$word" | sort -u)"
        fi
        ;;
    esac
}

_sigbus_stat() {
    local word

    COMPREPLY=()
    word=$(_sigbus_word)
    if [[ $word == -* ]]; then
        _sigbus_reply "$word" "$(compgen -W "$(_sigbus_options sigbus-stat)" -- "$word")"
    else
        _sigbus_reply "$word" "$(compgen -W "$(_sigbus_processes)" -- "$word")"
    fi
}

_sigbus_explain() {
    local word

    COMPREPLY=()
    word=$(_sigbus_word)
    if [[ $word == -* ]]; then
        _sigbus_reply "$word" "$(compgen -W "$(_sigbus_options sigbus-explain)" -- "$word")"
    else
        compopt -o filenames 2>/dev/null
        _sigbus_reply "$word" "$(compgen -f -- "$word")
$(compgen -W "$(_sigbus_processes | grep -xE '[0-9]+')" -- "$word")"
    fi
}

complete -F _sigbus_run sigbus-run
complete -F _sigbus_stat sigbus-stat
complete -F _sigbus_explain sigbus-explain
