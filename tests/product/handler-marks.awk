# SPDX-License-Identifier: MIT
#
# The functions that headers declare: "marked NAME" if the comment before it, behind it or in it
# says [H] or if that of the file or its part says "All [H]", else "unmarked NAME".

FNR == 1 { whole = part = in_comment = 0; comment = declaration = "" }
/^\/\* ----/ { part = 0; comment = "" }
in_comment || /^[ \t]*\/\*/ {
    comment = (in_comment ? comment : "") $0
    if (/All \[H\]/) {
        if (FNR < 20 && !/^\/\* ----/) whole = 1
        else part = 1
    }
    in_comment = !/\*\//
    next
}
/^$/ { comment = "" }
declaration == "" && (/^$/ || /^[#}\t ]/) { next }
/^(typedef|static|ALWAYS_INLINE|struct [a-z_]+ \{|enum)/ { comment = ""; next }
{
    declaration = declaration $0
    if (!/[;{]/) next
    if (declaration ~ /\(/) {
        name = declaration
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        print (whole || part || comment declaration ~ /\[H\]/ ? "marked" : "unmarked"), name
    }
    in_comment = /\/\*/ && !/\*\//
    comment = in_comment ? $0 : ""
    declaration = ""
}
