# SPDX-License-Identifier: MIT
#
# Shared objects, the program and registered owners, each with a handler and files of its own: a
# fault goes to the handler of the one whose file it is.

load ../harness/helper

# $output says of each letter that its handler ran once for each of its own faults, and only then.
assert_each_own() { # ORDER POOLS
    local letter byte=a1
    local -a expected=()

    [ "$2" = 1 ] || byte=a1a1
    for letter in $(fold -w1 <<<"$1"); do
        expected+=("$letter own=$2 foreign=0 bytes=$byte")
    done
    assert_lines "${expected[@]}"
}

@test "owners: with one handler for the process, three of four faults go to the wrong one" {
    run_bare owners "$LIBS" pabc pabc 1
    assert_success
    assert_lines "p own=0 foreign=0 bytes=f0" "a own=0 foreign=0 bytes=f0" \
        "b own=0 foreign=0 bytes=f0" "c own=1 foreign=3 bytes=a1"
}

@test "owners: objects, program and registered owners, installed and mapped in any order" {
    local install map

    for install in pabcxyz zyxcbap bxpcyaz; do
        for map in pabcxyz zcybxap xpyazbc; do
            run_with owners "$LIBS" "$install" "$map" 1
            assert_success
            assert_each_own "$map" 1
            assert_reports 7
        done
    done
}

@test "owners: two pools of each, touched from two threads at once" {
    run_with owners "$LIBS" cpabxyz axbyczp 2
    assert_success
    assert_each_own axbyczp 2
}

@test "owners: a rule names a registered owner" {
    run_with --policy "owner:reg-x=zero,owner:reg-*=owner" owners "$LIBS" axy axy 1
    assert_success
    assert_lines "a own=1 foreign=0 bytes=a1" "x own=0 foreign=0 bytes=00" \
        "y own=1 foreign=0 bytes=a1"
    [[ $stderr == *reg-x*zero* || $stderr == *zero*reg-x* ]]
}

@test "owners: a library whose constructor installs and maps" {
    local steps=(ctor.sent p.install:exit ctor.truncate ctor.touch query ctor.calls:repair)

    run_bare scenario "$LIBS" "${steps[@]}"
    assert_equal "$status" 33
    run_with scenario "$LIBS" "${steps[@]}"
    assert_success
    assert_lines "ctor.sent 0" "ctor.touch a1" "query p exit" "ctor.calls:repair 1"
}

@test "owners: a library that is there at start, its constructor before or after ours" {
    local preload

    for preload in "$SIGBUS_LIB:$LIBS/actor-ctor.so" "$LIBS/actor-ctor.so:$SIGBUS_LIB"; do
        run limited env "$preload_variable=$preload" SIGBUS_LOG=off "${emulator[@]}" \
            "$PROGS/scenario" "$LIBS" p.install:exit ctor.truncate ctor.touch ctor.calls:repair
        assert_success
        assert_lines "ctor.touch a1" "ctor.calls:repair 1"
    done
}

@test "owners: a handler of a library that starts before any other is what a query finds" {
    run limited env "$preload_variable=$SIGBUS_LIB:$LIBS/actor-ctor.so" SIGBUS_LOG=off \
        "${emulator[@]}" "$PROGS/scenario" "$LIBS" ctor.sent query kill ctor.sent
    assert_success
    assert_lines "ctor.sent 0" "query ctor repair" "ctor.sent 1"
}

@test "owners: mapped read-only, made writable later" {
    run_with scenario "$LIBS" a.install:repair p.install:exit a.map:ro a.protect:rw a.truncate \
        a.store \
        a.touch a.calls:repair
    assert_success
    assert_lines "a.store 77" "a.touch 77" "a.calls:repair 1"

    run_with --policy "owner:actor-a.so=zero" scenario "$LIBS" a.map:ro a.protect:rw a.truncate \
        a.store \
        a.touch
    assert_success
    assert_lines "a.store 77" "a.touch 77"
}

@test "owners: mapped writable, made read-only later: a write is a SIGSEGV" {
    run_with --policy "owner:actor-a.so=zero" scenario "$LIBS" a.map a.protect:ro a.truncate \
        a.touch a.store
    assert_equal "$status" "$segv"
    assert_lines "a.touch 00"
}

@test "owners: inside the library's bracket its handler, outside a zero page" {
    local steps=(a.install:bracket a.map a.map a.truncate:0 a.truncate:1 a.begin a.touch:0 a.end
        a.touch:1 a.calls:bracket query)

    run_bare scenario "$LIBS" "${steps[@]}"
    assert_equal "$status" "$bus_error"
    assert_lines "a.touch a1"
    run_with --policy "owner:actor-a.so=owner|zero" scenario "$LIBS" "${steps[@]}"
    assert_success
    assert_lines "a.touch a1" "a.touch 00" "a.calls:bracket 2" "query a bracket"
}

@test "owners: a handler that was taken back through another library's sigaction() is not asked" {
    local steps=(a.map a.truncate a.install:exit a.uninstall:old,exit a.install:exit a.uninstall:old,exit)

    run_with --preload "$LIBS/in-front.so" scenario "$LIBS" "${steps[@]}" a.touch
    assert_equal "$status" 99
    run_with --preload "$LIBS/in-front.so:$SIGBUS_LIB" --policy "owner:actor-a.so=owner|zero" \
        scenario "$LIBS" "${steps[@]}" a.touch
    assert_success
    assert_lines "a.touch 00"
    # While it is installed it is, whatever the library in front has put in force since.
    run_with --preload "$LIBS/in-front.so:$SIGBUS_LIB" --policy "owner:actor-a.so=owner|zero" \
        scenario "$LIBS" "${steps[@]}" a.install:repair a.touch a.calls:repair
    assert_success
    assert_lines "a.touch a1" "a.calls:repair 1"
}

@test "owners: an object takes its own handler back, nobody else's" {
    local how

    for how in dfl ign; do
        run_with scenario "$LIBS" a.install:repair b.install:repair "b.uninstall:$how" query \
            a.map a.truncate a.touch a.calls:repair b.foreign
        assert_success
        assert_lines "query $how" "a.touch a1" "a.calls:repair 1" "b.foreign 0"
    done
    run_with scenario "$LIBS" a.install:repair b.install:repair b.uninstall:old,repair query \
        b.map b.truncate b.touch b.calls:repair a.foreign
    assert_success
    assert_lines "query a repair" "b.touch f0" "b.calls:repair 0" "a.foreign 1"
}

@test "owners: an object that has no handler leaves its fault to the others'" {
    run_with scenario "$LIBS" a.install:repair b.map b.truncate b.touch a.foreign
    assert_success
    assert_lines "b.touch f0" "a.foreign 1"
}

@test "owners: a report names the owner, the file and the action" {
    run_with --policy "owner:actor-b.so=zero" scenario "$LIBS" b.map b.truncate b.touch
    assert_success
    assert_reports 1
    [[ $stderr == *actor-b.so* && $stderr == */memfd:actor* && $stderr == *zero* ]]
}

@test "owners: a handler answers a fault of its owner while SIGBUS is blocked" {
    local steps=(a.install:repair block a.map a.truncate a.touch a.calls:repair)

    skip_in_emulator "faults for ever where SIGBUS is blocked"
    run_bare scenario "$LIBS" "${steps[@]}"
    assert_equal "$status" "$bus_error"
    run_with scenario "$LIBS" "${steps[@]}"
    assert_success
    assert_lines "a.touch a1" "a.calls:repair 1"
}

@test "owners: a library is known by its file's name too, through links and from deep below" {
    local deep=$BATS_TEST_TMPDIR/$(printf 'd%.0s' {1..200})/$(printf 'e%.0s' {1..200})
    local real=$BATS_TEST_TMPDIR/real-a.so.1 i

    mkdir -p "$deep"
    cp "$LIBS/actor-a.so" "$real"
    cp "$LIBS/actor-b.so" "$deep/"
    ln -s "$real" "$BATS_TEST_TMPDIR/actor-a.so"
    ln -s "$deep/actor-b.so" "$BATS_TEST_TMPDIR/actor-b.so"
    run_with --policy "owner:real-a.so.*=zero,owner:actor-b.so=ones" scenario "$BATS_TEST_TMPDIR" \
        a.map \
        b.map a.truncate b.truncate a.touch b.touch
    assert_success
    assert_lines "a.touch 00" "b.touch ff"
    run_with --policy "owner:actor-b.so=ones" scenario "$deep" b.map b.truncate b.touch
    assert_lines "b.touch ff"
    for i in {1..9}; do
        ln -s "link-$((i + 1)).so" "$BATS_TEST_TMPDIR/link-$i.so"
    done
    ln -s "$real" "$BATS_TEST_TMPDIR/link-10.so"
    ln -s link-1.so "$BATS_TEST_TMPDIR/actor-c.so"
    run_with --policy "owner:actor-c.so=ones" scenario "$BATS_TEST_TMPDIR" c.map c.truncate c.touch
    assert_lines "c.touch ff"
}

@test "owners: an object at the place of another one has its own name" {
    cp "$LIBS/plugin.so" "$BATS_TEST_TMPDIR/plugin-a.so"
    cp "$LIBS/plugin.so" "$BATS_TEST_TMPDIR/plugin-b.so"
    policy='owner:plugin-*=zero'
    run_with --policy "$policy" loading reopen "$BATS_TEST_TMPDIR/plugin-a.so" \
        "$BATS_TEST_TMPDIR/plugin-b.so"
    assert_success
    assert_equal "${lines[0]}" "${lines[1]}" # the same address, else this proves nothing
    assert_reports 2
    assert_equal "$(grep -o 'made by plugin-[ab]' <<<"$stderr")" \
        "$(printf 'made by plugin-a\nmade by plugin-b')"
}

@test "owners: looking through a wrapper leaves no file open" {
    skip_without python3
    local program='
import mmap, os
fd = os.memfd_create("wrapped")
os.ftruncate(fd, 8192)
map = mmap.mmap(fd, 0)
print(sorted(name for name in os.listdir("/proc/self/fd") if int(name) < 64))'

    run_bare python3 -c "$program"
    bare_output=$output
    policy='owner:*python*=zero'
    run_with --policy "$policy" python3 -c "$program"
    assert_success
    assert_equal "$output" "$bare_output"
    run_with --policy "$policy" python3 -c "$program"'
os.truncate(fd, 0)
print(map[5000])'
    assert_line 0
    [[ $stderr =~ made\ by\ (lib)?python ]]
}

# ---- plugins that come and go ----

# plugins HOW COUNT: a plugin is loaded, maps a file and is unloaded, COUNT times; the last one loses a
# page. same: by one name, names: by as many names, full: when the table of owners is full.
compile_plugins() {
    cat >plugin.c <<'END'
#include <sys/mman.h>
char *plugin_map(int fd)
{
	return mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
}
END
    cat >plugins.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sigbus/sigbus.h>
int main(int argc, char **argv)
{
	int fd = memfd_create("plugin", 0), count = atoi(argv[2]);
	char name[64] = "./plugin.so";
	char *page = NULL;
	struct sigbus_owner *owner;

	(void)argc;
	while (!strcmp(argv[1], "full") && !sigbus_owner_create("x", NULL, NULL, &owner))
		;
	for (int i = 1; i <= count; i++) {
		char *(*map)(int);
		void *plugin;

		if (strcmp(argv[1], "same")) {
			snprintf(name, sizeof(name), "./plugin-%d.so", i);
			if (symlink("plugin.so", name))
				return 2;
		}
		plugin = dlopen(name, RTLD_NOW);
		map = (char *(*)(int))dlsym(plugin, "plugin_map");
		page = map(fd);
		if (i < count) {
			munmap(page, 4096);
			dlclose(plugin);
		}
	}
	return printf("%d\n", *(volatile char *)page) < 0;
}
END
    $CC -shared -fPIC -o plugin.so plugin.c
    $CC -DSIGBUS_OPTIONAL -I"$top_srcdir/include" -o plugins plugins.c
}

@test "owners: a plugin that is loaded again and again keeps its rule" {
    cd "$BATS_TEST_TMPDIR" || return
    compile_plugins
    run_with --policy "owner:plugin.so=zero" "$PWD/plugins" same 4200
    assert_success
    assert_output 0
}

@test "owners: a plugin of another name each time gets the entry of one that is gone" {
    cd "$BATS_TEST_TMPDIR" || return
    compile_plugins
    run_with --policy "owner:plugin-4200.so=zero" "$PWD/plugins" names 4200
    assert_success
    assert_output 0
    [[ $stderr == *"made by plugin-4200.so+"* ]]
}

@test "owners: when the table is full, what others map has an unknown owner, and that is told once" {
    cd "$BATS_TEST_TMPDIR" || return
    compile_plugins
    run_with --policy "owner:plugin*=zero,program:plugins=ones" "$PWD/plugins" full 3
    assert_success
    assert_output -1
    assert_equal "$(grep -c 'more than 4095 shared objects' <<<"$stderr")" 1
    [[ $stderr == *" made by unknown"* ]]
}
