# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Huge pages for one test at a time.
#
#   require_huge_pages COUNT     so many more, kept from other tests that change their number
#   give_huge_pages_back         in teardown()

huge_pages=/proc/sys/vm/nr_hugepages

require_huge_pages() { # COUNT
    [ -w "$huge_pages" ] || skip "only root can reserve huge pages"
    exec 8<"$huge_pages"
    flock -w "$SIGBUS_TEST_LIMIT" 8 || skip "another test has the huge pages"
    huge_pages_before=$(cat "$huge_pages")
    echo $((huge_pages_before + $1)) >"$huge_pages"
    [ "$(cat "$huge_pages")" -eq $((huge_pages_before + $1)) ] ||
        skip "this machine has no huge pages to give"
}

give_huge_pages_back() {
    [ -z "${huge_pages_before:-}" ] || echo "$huge_pages_before" >"$huge_pages"
}
