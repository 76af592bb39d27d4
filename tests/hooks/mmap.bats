# SPDX-License-Identifier: MIT
#
# mmap() and its family return what they return without us, and a range keeps its answer.

load ../harness/helper

@test "mmap: mapping functions say the same to right and wrong arguments" {
    for seed in 1 2 3 4 5 6 7 8; do
        run_both map-calls calls $seed
        assert_success
        assert_equal "${#lines[@]}" 400
    done
}

@test "mmap: mremap() that is refused does no harm to a range with a replaced page" {
    run_bare map-calls refused
    bare_output=$output
    policy='*=zero'
    run_with --policy "$policy" map-calls refused lose
    assert_equal "$output" "$bare_output"
    assert_line 'x x'
    assert_reports 1
}

@test "mmap: mappings that move together keep their own protection" {
    policy='*=zero'
    run_with --policy "$policy" map-calls several
    [[ $output != *'one mapping at a time'* ]] || skip "$output"
    assert_lines '1 0' 'Bad address'
}

@test "mmap: mmap() left by siglongjmp() does not slow down unknown faults" {
    run_with --log off map-calls left
    assert_output "no naps"
}
