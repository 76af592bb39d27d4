# SPDX-License-Identifier: MIT
#
# Writes the presets as C: their texts, and tables of what parsing them gives, so that no process has
# to parse them at its start. It knows the part of the language that presets use: one rule a line, keys,
# globs, actions with an argument in brackets; tests/policy/test-presets holds the tables against the
# parser. Sketches (base/glob.h) are written as constant expressions; places in a text are offsets, that
# of a glob from the text of its rule: a pointer would have to be relocated in each process.

BEGIN {
    for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i
    print "/* Made by make from data/. */"
    print "#include \"policy/policy.h\"\n"
}

FNR == 1 {
    finish()
    name = FILENAME
    sub(/.*\//, "", name)
    variable = name
    gsub(/[^A-Za-z0-9]/, "_", variable)
    at_line = 0
    text = rules = matches = actions = keys = kinds = ""
    rule_count = match_count = action_count = varies = 0
}

function trim(word) {
    gsub(/^[ \t]+|[ \t]+$/, "", word)
    return word
}

function quoted(word) {
    gsub(/[\\"]/, "\\\\&", word)
    return "\"" word "\""
}

function add_plain(byte) {
    if (head_open && heads < 8) head = head " | (uint64_t)" byte " << " 8 * heads++
    if (run > 0) pairs = pairs " | (uint64_t)1 << " (last * 31 + byte) % 64
    plain[++plains] = byte
    last = byte
    if (run < 8) run++
}

# Behind the "]" of the class that begins at i.
function class_end(glob, i) {
    i++
    if (substr(glob, i, 1) ~ /[!^]/) i++
    i++ # the first byte of a class may be "]"
    while (substr(glob, i, 1) != "]") i++
    return i + 1
}

function mask(bytes) {
    return bytes < 8 ? "((uint64_t)1 << " 8 * bytes ") - 1" : "~(uint64_t)0"
}

function sketch(glob,    i, c, tail) {
    head = pairs = "0"
    tail = "0"
    heads = plains = run = 0
    head_open = 1
    for (i = 1; i <= length(glob); ) {
        c = substr(glob, i, 1)
        if (c ~ /[*?[]/) {
            i = c == "[" ? class_end(glob, i) : i + 1
            head_open = run = 0
            continue
        }
        if (c == "\\") c = substr(glob, ++i, 1)
        add_plain(code[c])
        i++
    }
    for (i = plains; i > 0 && i > plains - 8; i--)
        tail = tail " | (uint64_t)" plain[i] " << " 8 * (plains - i)
    return "{{" head ", " tail ", " pairs "}, " mask(heads) ", " mask(run) "}"
}

# Where a word of this line is in the text.
function place(word) {
    return at_line + index($0, word) - 1
}

function add_match(word,    at, key, glob) {
    word = trim(word)
    at = index(word, ":")
    key = at ? toupper(substr(word, 1, at - 1)) : "ANY"
    glob = substr(word, at + 1) # "*" without a key is kept as it is
    if (glob ~ /^\$/) varies = 1
    if (!index(keys, "_" key " ")) keys = keys " | 1u << KEY_" key " "
    matches = matches "\t{" place(word) + at - rule_at ", " length(glob) ", KEY_" key ", " sketch(glob) "},\n"
    match_count++
}

function add_action(word,    at, kind, argument) {
    word = trim(word)
    at = index(word, "(")
    kind = toupper(at ? substr(word, 1, at - 1) : word)
    argument = at ? substr(word, at + 1, length(word) - at - 1) : ""
    if (!index(kinds, "_" kind " ")) kinds = kinds " | 1u << ACTION_" kind " "
    actions = actions "\t{.kind = ACTION_" kind
    if (argument ~ /^[0-9]+$/) actions = actions ", .seconds = " argument
    else if (argument) actions = actions ", .extent = EXTENT_" toupper(argument)
    actions = actions "},\n"
    action_count++
}

function add_rule(line,    equals, left, right, part, n, i, m, a, quiet) {
    equals = index(line, "=")
    left = substr(line, 1, equals - 1)
    right = trim(substr(line, equals + 1))
    rule_at = place(line)
    quiet = sub(/[ \t]*\+[ \t]*quiet$/, "", right)
    m = match_count
    a = action_count
    n = split(left, part, "&")
    for (i = 1; i <= n; i++) add_match(part[i])
    n = split(right, part, "|")
    for (i = 1; i <= n; i++) add_action(part[i])
    rules = rules "\t{" rule_at ", " length(line) ", " FNR ", " match_count - m ", " \
        action_count - a ", " (quiet ? "true" : "false") "},\n"
    rule_count++
}

{
    text = text "\t" quoted($0 "\\n") "\n"
    line = $0
    sub(/#.*/, "", line)
    line = trim(line)
    if (line != "") add_rule(line)
    at_line += length($0) + 1
}

function finish() {
    if (!name) return
    gsub(/\\\\n"\n/, "\\n\"\n", text)
    printf "static const char %s_text[] =\n%s\t\"\";\n", variable, text
    if (varies) { # a value of the environment is in it: the text is parsed
        table = table "\t{.name = \"" name "\", .text = " variable "_text, .text_length = " at_line "},\n"
        return
    }
    printf "static const struct match %s_match[] = {\n%s};\n", variable, matches
    printf "static const struct action %s_action[] = {\n%s};\n", variable, actions
    printf "static const struct compiled_rule %s_rule[] = {\n%s};\n\n", variable, rules
    table = table "\t{\"" name "\", " variable "_text, " at_line ",\n\t\t" variable \
        "_rule, " rule_count ", " variable "_match, " variable "_action,\n\t\t0" \
        keys ", 0" kinds "},\n"
}

END {
    finish()
    printf "const struct preset compiled_presets[] = {\n%s\t{0}};\n", table
}
