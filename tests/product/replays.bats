#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Reports of "Bus error" as people have told them in public, with the programs that they were about:
# bare, and with the policy that answers them. symptoms.bats has more, with smaller programs.

load ../harness/helper
load ../harness/huge-pages

setup() {
    skip_unless_root
    cd "$BATS_TEST_TMPDIR" || return
    mkdir mount
    server=
    # What other users run has to find its way here.
    chmod a+rx . .. ../.. ../../.. 2>/dev/null || :
    cp -L "$SIGBUS_LIB" library.so
    chmod a+rx library.so
}

teardown() {
    cd / || return
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null || :
    umount -l "$BATS_TEST_TMPDIR/mount" 2>/dev/null || :
    give_huge_pages_back
    [ -z "${COMPOSITOR_BASE:-}" ] || compositor_cleanup
}

# In a file system of this size on the directory; with an empty policy bare.
small() { # SIZE DIRECTORY POLICY COMMAND...
    local -a ours=()

    [ -z "$3" ] || ours=(env LD_PRELOAD="$PWD/library.so" SIGBUS_POLICY="$3")
    # shellcheck disable=SC2016
    run --separate-stderr limited unshare -m sh -c '
        mount -t tmpfs -o "size=$1,mode=1777" none "$2" && shift 3 && exec "$@"' \
        - "$1" "$2" "$3" "${ours[@]}" "${@:4}"
}

skip_without_module() { # MODULE
    [ -x /usr/bin/python3 ] && /usr/bin/python3 -c "import $1" 2>/dev/null ||
        skip "python3 has no $1"
}

@test "replays: initdb in a control group without huge pages (PostgreSQL)" {
    local initdb

    skip_without setpriv
    initdb=$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
    [ -n "$initdb" ] && id postgres >/dev/null 2>&1 || skip "PostgreSQL is not installed"
    require_huge_pages 100
    initialize() { # POLICY
        rm -rf data && mkdir data && chown postgres data
        run --separate-stderr limited "$top_srcdir/tests/harness/huge-group" \
            setpriv --reuid postgres --regid postgres --clear-groups \
            ${1:+env LD_PRELOAD="$PWD/library.so" SIGBUS_POLICY="$1"} \
            "$initdb" --no-sync -D "$PWD/data/base"
        [ "$status" != 77 ] || skip "there is no control group for huge pages"
    }
    initialize ''
    assert_equal "$status" 1
    [[ $stderr$output == *"child process exited with exit code 135"* ]]
    initialize '*=owner|chain'
    assert_equal "$status" 1
    [[ $stderr == *'page of "/anon_hugepage" (deleted) is lost (BUS_ADRERR, nospace'*'the limit of the control group is reached'* ]]
    initialize @hugetlb
    assert_success
    [[ $stderr == *'mapping refused in postgres['* ]]
}

# queries.active, the file that it writes to, is sparse at first.
@test "replays: a server whose disk is full waits (Prometheus)" {
    local port

    skip_without prometheus
    skip_without curl
    port=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo 'global: {}' >prometheus.yml
    ready_or_ended() { curl -s "127.0.0.1:$port/-/ready" >/dev/null || has_ended "$server"; }
    asks_until() { # CONDITION...: queries, each of which takes a part of the file
        for _ in 1 2 3 4 5 6 7 8; do
            curl -s -m 1 "127.0.0.1:$port/api/v1/query?query=up" >/dev/null &
        done
        "$@"
    }
    serve() { # POLICY
        mount -t tmpfs -o size=1m none mount
        rm -f log
        ${1:+env LD_PRELOAD="$PWD/library.so" SIGBUS_POLICY="$1" SIGBUS_LOG="$PWD/log"} \
            prometheus --config.file=prometheus.yml --storage.tsdb.path=mount/data \
            --web.listen-address="127.0.0.1:$port" >output 2>&1 3>&- &
        server=$!
        wait_for ready_or_ended
        dd if=/dev/zero of=mount/rest bs=4k 2>/dev/null || :
    }
    stop() {
        kill "$server" 2>/dev/null || :
        status=0
        wait "$server" || status=$?
        server=
        umount -l mount
    }
    serve ''
    wait_for asks_until has_ended "$server"
    stop
    assert_equal "$status" 2
    grep -q 'unexpected fault address' output

    serve 'path:*/mount/*=reserve'
    wait_for asks_until has_ended "$server"
    stop
    grep -q 'queries.active".*nospace on tmpfs, 0 bytes free.*hint: reserve could not act: the mapping was made by a raw system call' log

    serve 'cause:nospace=wait(600)'
    wait_for asks_until file_says 'wait: trying again' log
    rm mount/rest
    wait_for file_says '; recovered' log
    wait_for curl -s "127.0.0.1:$port/-/ready"
    stop
    assert_equal "$status" 0
}

@test "replays: a map larger than the disk (LMDB)" {
    skip_without_module lmdb
    cat >put.py <<'EOF'
import lmdb, os, sys
try:
    environment = lmdb.open(sys.argv[1], map_size=64 << 20, writemap=True, sync=False)
    for i in range(16):
        with environment.begin(write=True) as transaction:
            transaction.put(b"%d" % i, bytes(1 << 20))
except lmdb.Error as error:
    print(type(error).__name__)
    sys.stdout.flush()
    os._exit(3)
EOF
    small 8m "$PWD/mount" '' /usr/bin/python3 put.py mount/base
    assert_equal "$status" "$bus_error"
    small 8m "$PWD/mount" 'cause:nospace=wait(1)' /usr/bin/python3 put.py mount/base
    assert_equal "$status" "$bus_error"
    [[ $stderr == *'/data.mdb" is lost (BUS_ADRERR, nospace on tmpfs, 0 bytes free)'*'made by liblmdb.so.0'*'waited 1.'* ]]
    # The size is nominal: with "reserve" there is no data base at all, as the page says.
    small 8m "$PWD/mount" 'path:*.mdb=reserve' /usr/bin/python3 put.py mount/base
    assert_equal "$status" 3
    assert_output MemoryError
    [[ $stderr == *'mapping refused in python3['*'67108864 bytes of "'* ]]
}

@test "replays: a memory map on a full disk (numpy)" {
    skip_without_module numpy
    cat >fill.py <<'EOF'
import numpy, sys
try:
    array = numpy.lib.format.open_memmap(sys.argv[1], mode="w+", dtype="f8", shape=(1 << 17,))
except OSError as error:
    print("OSError", error.errno)
    sys.exit(3)
array[:] = 1.0
EOF
    small 64k "$PWD/mount" '' /usr/bin/python3 fill.py mount/array.npy
    assert_equal "$status" "$bus_error"
    small 64k "$PWD/mount" 'path:*.npy=reserve' /usr/bin/python3 fill.py mount/array.npy
    assert_equal "$status" 3
    assert_output 'OSError 12'
}

@test "replays: a journal that is truncated while it is read (libsystemd)" {
    local writer=/lib/systemd/systemd-journal-remote number

    [ -x $writer ] || skip "systemd-journal-remote is not installed"
    pkg-config --exists libsystemd 2>/dev/null || skip "libsystemd-dev is not installed"
    for number in {1..2000}; do
        printf '__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032d\nMESSAGE=number %d\n\n' \
            $((1700000000000000 + number)) "$number" 1 "$number"
    done >entries
    cat >reader.c <<'EOF'
#include <stdio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	const char *files[] = {argv[1], NULL};
	sd_journal *journal;
	const void *data;
	size_t length;
	int entries = 0, error = 0;

	if (argc < 2 || sd_journal_open_files(&journal, files, 0) < 0)
		return 2;
	while (sd_journal_next(journal) > 0 && error >= 0) {
		if (++entries == 3 && truncate(argv[1], 65536))
			return 2;
		error = sd_journal_get_data(journal, "MESSAGE", &data, &length);
	}
	return error < 0 ? 3 : 0;
}
EOF
    # shellcheck disable=SC2046
    $CC -o reader reader.c $(pkg-config --cflags --libs libsystemd)
    read_journal() { # POLICY
        rm -f all.journal
        $writer -o "$PWD/all.journal" entries >/dev/null 2>&1
        run --separate-stderr limited ${1:+env LD_PRELOAD="$PWD/library.so" SIGBUS_POLICY="$1"} \
            ./reader all.journal
    }
    read_journal ''
    assert_equal "$status" "$bus_error"
    read_journal 'owner:libsystemd.so*=zero' # and libsystemd says that the message is bad
    assert_equal "$status" 3
    [[ $stderr == *'/all.journal" is lost (BUS_ADRERR, truncated, file size 65536)'*'made by libsystemd.so.0'* ]]
}

@test "replays: a video pipeline in a small /dev/shm (GStreamer)" {
    skip_without gst-launch-1.0
    HOME=$PWD gst-inspect-1.0 shmsink >/dev/null 2>&1 || skip "GStreamer has no shmsink"
    pipeline=(env HOME="$PWD" gst-launch-1.0 -q videotestsrc num-buffers=4 !
        video/x-raw,width=1280,height=720,format=BGRA ! shmsink socket-path="$PWD/socket"
        shm-size=8000000 wait-for-connection=false sync=false)
    small 1m /dev/shm '' "${pipeline[@]}"
    assert_equal "$status" "$bus_error"
    rm -f socket
    small 1m /dev/shm @container "${pipeline[@]}"
    [ "$status" -lt 128 ] || [ "$status" = 255 ]
    [[ $stderr$output == *'mapping refused in gst-launch-1.0['*'8000000 bytes of "/dev/shm/shmpipe.'*'mmap failed (12)'* ]]
}

@test "replays: two views of one object in a small /dev/shm (emulators)" {
    cat >views.c <<'EOF'
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#define SIZE (32 << 20)
static char *view(int fd)
{
	return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}
int main(void)
{
	int differ = 0, fd = shm_open("/views", O_RDWR | O_CREAT, 0600);
	char *one, *other;

	if (fd < 0 || shm_unlink("/views") || ftruncate(fd, SIZE))
		return 2;
	one = view(fd), other = view(fd);
	if (one == MAP_FAILED || other == MAP_FAILED)
		return 3;
	for (int i = 0; i < SIZE; i += 4096) {
		one[i] = 1;
		differ += other[i] != 1;
	}
	return printf("%s\n", differ ? "they differ" : "they are one") < 0;
}
EOF
    $CC -o views views.c -lrt
    small 8m /dev/shm '' ./views
    assert_equal "$status" "$bus_error"
    small 8m /dev/shm @container ./views
    assert_equal "$status" 3
    # Each view gets zeroes of its own: what the page says of zero.
    small 8m /dev/shm '*=zero' ./views
    assert_success
    assert_output 'they differ'
}

@test "replays: a Java program learns the file's name from the line only" {
    skip_without javac
    cat >Map.java <<'EOF'
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
public class Map {
    public static void main(String[] arguments) throws Exception {
        RandomAccessFile file = new RandomAccessFile("segment", "rw");
        file.setLength(1 << 20);
        MappedByteBuffer map = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
        file.setLength(100);
        for (int i = 0; i < 1 << 20; i += 32768)
            map.get(i);
        System.out.println("done");
    }
}
EOF
    javac Map.java
    run --separate-stderr limited java -XX:-UsePerfData -Xmx64m Map
    assert_equal "$status" 1
    [[ $stderr == *InternalError* && $stderr != *segment* ]]
    run --separate-stderr limited "$SIGBUS_RUN" java -XX:-UsePerfData -Xmx64m Map
    assert_equal "$status" 1
    [[ $stderr == *'/segment" is lost (BUS_ADRERR, truncated, file size 100)'*'made by libnio.so'*'handed to the handler at libjvm.so'*'hint: where Java code was at a mapped file'*InternalError* ]]
}

@test "replays: a cursor, and a locker, in small directories (SDL, swaylock)" {
    local socket

    skip_without swaylock
    pkg-config --exists sdl2 2>/dev/null || skip "SDL 2 is not installed"
    load ../e2e/compositor
    [ -z "$(compositor_missing sway)" ] || skip "$(compositor_missing sway)"
    cat >cursor.c <<'EOF'
#include <SDL.h>
#include <stdio.h>
int main(void)
{
	SDL_Surface *picture;
	SDL_Cursor *cursor;

	if (SDL_Init(SDL_INIT_VIDEO) || !SDL_CreateWindow("cursor", 0, 0, 64, 64, 0))
		return 2;
	picture = SDL_CreateRGBSurfaceWithFormat(0, 256, 256, 32, SDL_PIXELFORMAT_ARGB8888);
	cursor = SDL_CreateColorCursor(picture, 0, 0);
	if (!cursor)
		return printf("%s\n", SDL_GetError()), 3;
	SDL_SetCursor(cursor);
	return 0;
}
EOF
    # shellcheck disable=SC2046
    $CC -o cursor cursor.c $(pkg-config --cflags --libs sdl2)
    export WL_HOSTILE=/bin/true
    compositor_setup
    start_compositor sway
    socket=$(find "$COMPOSITOR_BASE" -name "$WAYLAND_DISPLAY" | head -n 1)
    nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups env)

    client=("${nobody[@]}" XDG_RUNTIME_DIR="$PWD/mount" SDL_VIDEODRIVER=wayland WAYLAND_DISPLAY="$socket")
    small 128k "$PWD/mount" '' "${client[@]}" ./cursor
    assert_equal "$status" "$bus_error"
    small 128k "$PWD/mount" '' "${client[@]}" LD_PRELOAD="$PWD/library.so" SIGBUS_POLICY=@container ./cursor
    assert_equal "$status" 3
    [[ $stderr == *'mapping refused in cursor['*'hint: XDG_RUNTIME_DIR has not so much space'* ]]

    # It does not look at what mmap() returns: the line says what happened.
    client=("${nobody[@]}" XDG_RUNTIME_DIR="${socket%/*}" WAYLAND_DISPLAY="$socket")
    small 64k /dev/shm '' "${client[@]}" swaylock -c 000000
    assert_equal "$status" "$bus_error"
    small 64k /dev/shm @container "${client[@]}" swaylock -c 000000
    [ "$status" != 0 ]
    [[ $stderr == *'mapping refused in swaylock['*'/dev/shm has not so much space'* ]]
}
