# SPDX-License-Identifier: MIT
#
# Completion for fish. What can be completed is asked of the programs: options of --help, the words of
# policies of --list, processes of sigbus-stat.

function __sigbus_options
    $argv[1] --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u
end

function __sigbus_processes
    sigbus-stat 2>/dev/null | awk 'NR > 1 { print $1 "\t" $2; print $2 }'
end

function __sigbus_list
    sigbus-run --list 2>/dev/null | awk -v part="$argv[1]:" '
        /^[a-z]/ { inside = $0 == part; next }
        inside { word = $1; sub(/\(.*/, "(", word); sub(/:.*/, ":", word); $1 = ""
            sub(/^ +/, ""); print word "\t" $0 }'
end

# Words for the end of a policy: what stands in front of them is kept.
function __sigbus_policy
    set -l word (commandline -ct | string trim -l -c "'\"" | string replace -r -- '^--policy=' '')
    set -l stem (string match -r -- '.*[,=|&+]' $word)
    set -l rest (string replace -r -- '.*[,=|&+]' '' $word)
    set -l words
    switch "$stem"
        case '*=' '*|'
            set words (__sigbus_list actions)
        case '*+'
            set words quiet hangup
        case '*&'
            set words (__sigbus_list keys)
        case '*'
            set words (__sigbus_list presets) (__sigbus_list keys)
    end
    if string match -q -- '*:*' "$rest"
        set -l key (string replace -r -- ':.*' '' $rest)
        set stem "$stem$key:"
        set words (sigbus-run --list 2>/dev/null | sed -n "s/^  $key:GLOB .*: //p" | tr -d , |
            tr ' ' '\n' | grep -xE '[a-z0-9]+')
    end
    for one in $words
        printf '%s%s\n' "$stem" $one
    end
end

# The words from COMMAND on; none in front of it.
function __sigbus_command
    set -l words (commandline -opc)[2..]
    while set -q words[1]
        switch $words[1]
            case -- '--'
                set -e words[1]
                break
            case --policy --log --only
                set -e words[1]
            case '-*'
            case '*'
                break
        end
        set -e words[1]
    end
    set -q words[1]; and printf '%s\n' $words
end

function __sigbus_no_command
    test -z "$(__sigbus_command)"
end

function __sigbus_subcommand
    complete -C "$(string join -- ' ' (string escape -- (__sigbus_command)) (commandline -ct))"
end

complete -c sigbus-run -n __sigbus_no_command -f -a '(__sigbus_options sigbus-run)'
complete -c sigbus-run -n __sigbus_no_command -l policy -x -a '(__sigbus_policy)'
complete -c sigbus-run -n __sigbus_no_command -l log -r -a 'stderr off journal fd: json:'
complete -c sigbus-run -n __sigbus_no_command -l only -x -a '(__fish_complete_command)'
complete -c sigbus-run -x -a '(__sigbus_subcommand)'
complete -c sigbus-stat -f -a '(__sigbus_processes)'
complete -c sigbus-stat -f -n 'string match -q -- "-*" (commandline -ct)' -a '(__sigbus_options sigbus-stat)'
complete -c sigbus-explain -a '(__sigbus_processes | string match -r -- "^[0-9]+.*")'
complete -c sigbus-explain -n 'string match -q -- "-*" (commandline -ct)' -a '(__sigbus_options sigbus-explain)'
