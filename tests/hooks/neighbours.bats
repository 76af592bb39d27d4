# SPDX-License-Identifier: MIT
#
# Others in the same process, or instead of glibc: preloads, sanitizers, debuggers, language run
# times, a C library that we do not know. What they say is what they say without us.

load ../harness/helper

compile() { # NAME [OPTION...]: from stdin
    "$CC" -std=gnu17 -D_GNU_SOURCE -Wno-all -g -O1 -x c -o "$BATS_TEST_TMPDIR/$1" "${@:2}" - ||
        skip "$CC cannot build this here: ${*:2}"
}

# The first of these files that is there.
find_library() { # GLOB...
    local file

    for file in $*; do
        [ -e "$file" ] && printf '%s\n' "$file" && return
    done
    skip "not installed: $1"
}

# A program that takes the memory away from one of its mappings and then reads it.
lost_page='
    #include <pthread.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <unistd.h>
    static char *lose(void)
    {
        int fd = memfd_create("lost", 0);
        char *map;
        ftruncate(fd, 4096);
        map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ftruncate(fd, 0);
        return map;
    }
'

# Process ids, addresses and times are new in each run.
normalise() { # FILE
    sed -i -E -e 's/==[0-9]+==/==PID==/g' -e 's/0x[0-9a-f]+/ADDRESS/g' -e 's/\+ADDRESS/+OFFSET/g' \
        -e 's/pid=[0-9]+|tid=[0-9]+/ID/g' -e 's/ T[0-9]+\)/ THREAD)/' \
        -e 's/(\.so\.[0-9]+)[.0-9]*/\1/' "$1"
}

@test "neighbours: the library is loaded" {
    assert_loaded
}

# ---- other C libraries ----

@test "neighbours: musl has every symbol that we need" {
    local musl

    skip_without readelf
    musl=$(find_library "/lib/ld-musl-*.so.1 /usr/lib/ld-musl-*.so.1")
    readelf -W --dyn-syms "$musl" | awk '$7 ~ /^[0-9]+$/ { print $8 }' | sort -u \
        >"$BATS_TEST_TMPDIR/musl"
    readelf -W --dyn-syms "$SIGBUS_LIB" |
        awk '$7 == "UND" && $5 == "GLOBAL" { sub(/@.*/, "", $8); print $8 }' | sort -u \
        >"$BATS_TEST_TMPDIR/needed"
    run comm -13 "$BATS_TEST_TMPDIR/musl" "$BATS_TEST_TMPDIR/needed"
    assert_output ''
    grep -qx dlsym "$BATS_TEST_TMPDIR/needed"
}

@test "neighbours: a musl program runs untouched" {
    skip_without musl-gcc
    musl-gcc -x c -o "$BATS_TEST_TMPDIR/musl-program" - <<<'
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(void)
        {
            struct sigaction now;
            sigset_t mask;
            signal(SIGBUS, SIG_IGN);
            sigaction(SIGBUS, 0, &now);
            printf("%d %x\n", now.sa_handler == SIG_IGN, (unsigned)now.sa_flags);
            sigemptyset(&mask);
            sigaddset(&mask, SIGBUS);
            sigprocmask(SIG_BLOCK, &mask, 0);
            sigprocmask(SIG_BLOCK, 0, &mask);
            printf("%d %d\n", sigismember(&mask, SIGBUS), system("exit 3"));
            fflush(stdout);
            /* That is glibc again, and has to be without us to show the truth. */
            unsetenv("LD_PRELOAD");
            execl("/bin/grep", "grep", "^Sig[BI]", "/proc/self/status", (char *)0);
        }'
    run_both --apart "$BATS_TEST_TMPDIR/musl-program"
    assert_prints 4
}

# ---- other preloads ----

works_beside() { # LIBRARY [KNOWN-PATTERN]
    local order

    for order in "$SIGBUS_LIB:$1" "$1:$SIGBUS_LIB"; do
        run_both --apart --preload "$order" sig-neighbour handler
        assert_prints 5
        run_both --apart --preload "$order" ${2:+--but "$2"} sig-neighbour default
        [ "$(tail -n 1 "$BATS_TEST_TMPDIR/with")" = 'status 135' ]
        run_both --apart --preload "$order" \
            sh -c 'ls -d /usr /etc && dd if=/dev/zero bs=4k count=9 2>/dev/null | cksum'
    done
}

@test "neighbours: libeatmydata, before and after us" {
    works_beside "$(find_library "/usr/lib/*/libeatmydata.so /usr/lib*/libeatmydata.so")"
}

@test "neighbours: jemalloc, before and after us" {
    works_beside "$(find_library "/usr/lib/*/libjemalloc.so.2 /usr/lib*/libjemalloc.so.2")"
}

@test "neighbours: libfaketime, before and after us" {
    local before=" $(echo /dev/shm/*faketime*) " file

    works_beside "$(find_library "/usr/lib/*/faketime/libfaketime.so.1")"
    # A process that ends by a signal leaves libfaketime's shared memory behind, which has its number.
    for file in /dev/shm/*faketime*; do
        [[ $before == *" $file "* || -e /proc/${file##*_} ]] || rm -f "$file"
    done
}

@test "neighbours: libjsig, before and after us" {
    # It says so when it sees a signal(); ours comes first, or asks the kernel itself.
    works_beside "$(find_library "/usr/lib/jvm/*/lib/libjsig.so")" '^OpenJDK VM warning'
}

# A program that starts a JVM and has a handler of its own: before it, which the JVM then calls for what
# is not Java's; or after it, which libjsig puts behind the JVM's.
@test "neighbours: a JVM in a program with a handler of its own, with libjsig and without" {
    local jsig home when flags
    jsig=$(find_library "/usr/lib/jvm/*/lib/libjsig.so")
    home=${jsig%/lib/libjsig.so}
    [ -n "$jsig" ] && [ -e "$home/include/jni.h" ] && command -v javac >/dev/null ||
        skip "there is no JDK"
    cd "$BATS_TEST_TMPDIR"
    cat >Lost.java <<'END'
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;
public class Lost {
	static MappedByteBuffer pages;
	static Object nothing;
	static void map() throws Exception {
		Path path = Files.createTempFile(Paths.get("."), "lost", "");
		FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
		file.write(ByteBuffer.allocate(16384));
		pages = file.map(FileChannel.MapMode.READ_WRITE, 0, 16384);
		file.truncate(0);
		Files.delete(path);
	}
	static void touch() {
		try {
			System.out.println("read " + pages.get(5000));
		} catch (InternalError error) {
			System.out.println("InternalError");
		}
		try {
			nothing.hashCode();
		} catch (NullPointerException exception) {
			System.out.println("NullPointerException");
		}
		System.out.flush();
	}
}
END
    javac Lost.java
    compile host -I"$home/include" -I"$home/include/linux" -L"$home/lib/server" \
        -Wl,-rpath,"$home/lib/server" -Wl,--no-as-needed -ljvm <<'END'
#include <jni.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static char *lost;
static volatile int faults, sent;
static void handler(int signo, siginfo_t *info, void *uc)
{
	if (info->si_code <= 0) {
		sent++;
		return;
	}
	if ((char *)info->si_addr < lost || (char *)info->si_addr >= lost + 4096)
		_exit(9); /* Java's */
	faults++;
	mmap(lost, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
static void install(int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags}, old;

	sigaction(SIGBUS, &action, &old);
	printf("before: %s\n", old.sa_handler == SIG_DFL ? "default" : "a handler");
}
int main(int argc, char **argv)
{
	JavaVMOption options[] = {{"-Djava.class.path=.", NULL}, {"-XX:-UsePerfData", NULL}};
	JavaVMInitArgs arguments = {JNI_VERSION_10, 2, options, 0};
	int flags = (int)strtol(argv[2], NULL, 0);
	struct sigaction now;
	JavaVM *machine;
	JNIEnv *java;
	jclass class;

	setvbuf(stdout, NULL, _IONBF, 0);
	lost = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd_create("lost", 0), 0);
	if (!strcmp(argv[1], "before"))
		install(flags);
	if (JNI_CreateJavaVM(&machine, (void **)&java, &arguments) != 0)
		return 77;
	if (!strcmp(argv[1], "after"))
		install(flags);
	class = (*java)->FindClass(java, "Lost");
	(*java)->CallStaticVoidMethod(java, class, (*java)->GetStaticMethodID(java, class, "map", "()V"));
	(*java)->CallStaticVoidMethod(java, class, (*java)->GetStaticMethodID(java, class, "touch", "()V"));
	if (strcmp(argv[1], "none")) {
		raise(SIGBUS);
		printf("native read %d, %d faults, %d sent\n", *lost, faults, sent);
	}
	(*java)->CallStaticVoidMethod(java, class, (*java)->GetStaticMethodID(java, class, "touch", "()V"));
	sigaction(SIGBUS, NULL, &now);
	printf("installed: %d %x\n", now.sa_sigaction == handler, now.sa_flags & ~0x4000000);
	return 0;
}
END
    for when in before after none; do
        for flags in 0 0x40000000; do
            run ./host "$when" "$flags"
            expected=$output
            run env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=off ./host "$when" "$flags"
            assert_equal "$output" "$expected"
            run env LD_PRELOAD="$jsig" ./host "$when" "$flags"
            expected=$output
            run env LD_PRELOAD="$jsig" SIGBUS_LOG=off "$top_builddir/sigbus-run" ./host "$when" "$flags"
            assert_equal "$output" "$expected"
            [[ $when = none || $output == *' faults, 1 sent'* ]]
        done
    done
}

# ---- code that goes past us, and code that goes away ----

@test "neighbours: a raw system call that displaces us is noticed, and its handler is next" {
    run_both --apart sig-neighbour displaced
    run_with sig-neighbour displaced-raw
    assert_output "$(printf '%s\n' 'installed first, before default' 'kernel: second' \
        'query: second flags 14000004 mask 200' 'kernel: other')"
}

@test "neighbours: an object that is unloaded owns nothing any more" {
    compile owner.so -shared -fPIC <<<"$lost_page"'
        char *pages[2];
        static void on_bus(int signo, siginfo_t *info, void *uc)
        {
            printf("library\n");
            mmap(info->si_addr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        }
        __attribute__((constructor)) static void start(void)
        {
            struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
            sigaction(SIGBUS, &action, NULL);
            pages[0] = lose();
            pages[1] = lose();
        }'
    run_with --log off sig-neighbour unload \
        "$BATS_TEST_TMPDIR/owner.so"
    assert_success
    assert_output "$(printf '%s\n' 'installed first, before other' library 'read 0' 'unloaded: 1' \
        'first: code 2' 'read 0' 'first: code -6' 'query: first flags 4000004 mask 0')"
}

# ---- sanitizers and valgrind ----

# The sanitizer's library has to come before us.
says_the_same() { # LIBRARY-NAME PROGRAM
    local library=$("$CC" -print-file-name="$1")

    [ -e "$library" ] || skip "$1 is not installed"
    library=$(readlink -f "$library")
    run_both --apart --preload "$library:$SIGBUS_LIB" --edit normalise \
        "$BATS_TEST_TMPDIR/$2"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/bare")" -gt 5 ]
}

@test "neighbours: AddressSanitizer reports a SIGBUS, and a bad access" {
    compile bus -fsanitize=address <<<"$lost_page"'int main(void) { return *(volatile char *)lose(); }'
    says_the_same libasan.so bus
    grep -q 'BUS on unknown address' "$BATS_TEST_TMPDIR/with"
    compile bad -fsanitize=address <<<"$lost_page"'
        int main(int n, char **a) { char *p = malloc(10); free(p); return p[n]; }'
    says_the_same libasan.so bad
    grep -q 'heap-use-after-free' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: ThreadSanitizer finishes its report" {
    compile race -fsanitize=thread <<<"$lost_page"'
        int shared, done;
        static void *run(void *p)
        {
            shared++;
            munmap(lose(), 4096);
            __atomic_store_n(&done, 1, __ATOMIC_RELAXED);
            return p;
        }
        int main(void)
        {
            pthread_t thread;
            pthread_create(&thread, NULL, run, NULL);
            /* The order is part of the report, and this no synchronisation. */
            while (!__atomic_load_n(&done, __ATOMIC_RELAXED))
                sched_yield(); /* of a sleep it would say that it looks like one */
            shared++;
            pthread_join(thread, NULL);
            return 0;
        }'
    says_the_same libtsan.so race
    grep -q 'ThreadSanitizer: reported 1 warnings' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: ThreadSanitizer reports a SIGBUS" {
    compile bus -fsanitize=thread <<<"$lost_page"'int main(void) { return *(volatile char *)lose(); }'
    says_the_same libtsan.so bus
}

@test "neighbours: UndefinedBehaviorSanitizer reports what it finds" {
    compile undefined -fsanitize=undefined <<<"$lost_page"'
        int main(int n, char **a)
        {
            int i, big = 0x7fffffff;
            for (i = 0; i < 5; i++)
                printf("%d\n", 1 << (31 + n * i));
            return big + n > 0;
        }'
    says_the_same libubsan.so undefined
    grep -q 'runtime error: signed integer overflow' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: valgrind reports the same" {
    skip_without valgrind
    compile bad <<<"$lost_page"'
        static void on_bus(int s) { write(1, "handler\n", 8); _exit(3); }
        int main(int n, char **a)
        {
            char *p = malloc(10);
            signal(SIGBUS, on_bus);
            printf("%d\n", p[n + 10]);
            fflush(stdout);
            return *(volatile char *)lose();
        }'
    run_both --apart --edit normalise valgrind -q "$BATS_TEST_TMPDIR/bad"
    grep -q 'Invalid read of size 1' "$BATS_TEST_TMPDIR/with"
    grep -q '^handler' "$BATS_TEST_TMPDIR/with"
}

# ---- language run times ----

@test "neighbours: Python's faulthandler says what it says" {
    skip_without python3
    run_both --apart --edit normalise python3 -X faulthandler -c '
import mmap, os
fd = os.memfd_create("lost")
os.ftruncate(fd, 4096)
m = mmap.mmap(fd, 4096)
os.ftruncate(fd, 0)
print(m[5])'
    grep -q 'Fatal Python error: Bus error' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: Python's signal functions" {
    skip_without python3
    run_both --apart python3 -c '
import os, signal
print(signal.getsignal(signal.SIGBUS), signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGBUS}))
signal.signal(signal.SIGBUS, lambda signo, frame: print("handler", signo))
os.kill(os.getpid(), signal.SIGBUS)
print(signal.sigpending(), signal.sigtimedwait({signal.SIGBUS}, 1).si_code)
signal.raise_signal(signal.SIGBUS)
print(signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGBUS}))
signal.siginterrupt(signal.SIGBUS, True)
os.kill(os.getpid(), signal.SIGBUS)
print(signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals() - {signal.SIGRTMAX}) ==
      set())'
    grep -q '^handler 7' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: Ruby's bug report begins with the same words" {
    skip_without ruby
    first_words() {
        normalise "$1"
        sed -i -n '/BUG\]/p; /^-- Ruby level/,/^$/p; /^status/p' "$1"
    }
    run_both --apart --edit first_words ruby -e 'Process.kill(:BUS, $$); sleep'
    grep -q '\[BUG\] Bus Error' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: Node runs, and ends by a SIGBUS as it does" {
    skip_without node
    run_both --apart node -e '
const { execSync, spawnSync } = require("child_process");
console.log([1, 2, 3].map(x => x * x), process.version);
console.log(spawnSync("true").status, String(execSync("echo child")));
process.on("SIGBUS", () => { console.log("SIGBUS"); process.exit(9); });
setTimeout(() => process.kill(process.pid, "SIGBUS"), 1);
setInterval(() => {}, 1000);'
    grep -q 'child' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: Java throws an InternalError for a truncated mapping" {
    skip_without java
    cat >"$BATS_TEST_TMPDIR/Lost.java" <<'END'
import java.io.RandomAccessFile;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;

class Lost {
    public static void main(String[] arguments) throws Exception {
        try (RandomAccessFile file = new RandomAccessFile("lost-file", "rw")) {
            file.setLength(1 << 20);
            MappedByteBuffer map = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
            System.out.println(map.get(70000));
            file.setLength(0);
            for (int i = 0; i < 3; i++) {
                try {
                    System.out.println(map.get(70000 + i));
                } catch (InternalError error) {
                    System.out.println(error.getMessage());
                }
            }
        }
        System.gc();
        System.exit(6);
    }
}
END
    run_both --apart java -Xshare:auto -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        "$BATS_TEST_TMPDIR/Lost.java"
    assert_no_difference
    grep -q 'fault occurred in' "$BATS_TEST_TMPDIR/with"
}

# An access that no Java code is to blame for: the virtual machine writes its error file.
@test "neighbours: Java's error file begins with the same words" {
    skip_without java
    without_ids() {
        sed -i -E 's/pid=[0-9]+, tid=[0-9]+/IDS/; s/pc=0x[0-9a-f]+/PC/; s/si_pid: [0-9]+/PID/' "$1"
    }
    run_both --apart --edit without_ids sh -c 'java -XX:-CreateCoredumpOnCrash -XX:ErrorFile=error -version >/dev/null 2>&1
        cat >Die.java <<EOF
class Die {
    public static void main(String[] arguments) throws Exception {
        new ProcessBuilder("kill", "-BUS", "" + ProcessHandle.current().pid()).start().waitFor();
        Thread.sleep(Long.MAX_VALUE);
    }
}
EOF
        java -XX:-CreateCoredumpOnCrash -XX:ErrorFile=error -XX:TieredStopAtLevel=1 Die.java >out 2>&1
        echo "died $?"
        grep -E "^#  SIGBUS|^siginfo|^# Problematic|^# A fatal" error'
    grep -q 'SIGBUS (0x7)' "$BATS_TEST_TMPDIR/with"
}

# ---- programs with a crash report of their own ----

# Bare redis itself dies inside its own report, in one run of eight on a busy machine if it is still
# starting or tests its memory there, and in one of 200 else: so it has to answer first, and a
# difference counts if it is there three times.
@test "neighbours: the crash report of redis begins with the same words" {
    local try

    skip_without redis-server
    for try in 1 2 3; do
        if run_both --apart sh -c 'redis-server --port 0 --unixsocket ./socket --save "" \
                --crash-memcheck-enabled no --dir . >log 2>&1 &
            until redis-cli -s ./socket ping 2>&1 | grep -q PONG; do sleep 0.05; done
            kill -BUS $!
            wait $!
            echo "died $?"
            grep -oE "crashed by signal: [0-9]+|Killed by PID: |REDIS BUG REPORT START|Crashed running the instruction" log'; then
            break
        fi
        [ $try != 3 ]
    done
    grep -q 'crashed by signal: 7' "$BATS_TEST_TMPDIR/with"
}

@test "neighbours: Node's traps of WebAssembly" {
    skip_without node
    # (module (memory 1) (func (export "f") (result i32) i32.const 0x7fffffff i32.load))
    run_both --apart node -e '
const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 5, 3,
    1, 0, 1, 7, 5, 1, 1, 102, 0, 0, 10, 13, 1, 11, 0, 65, 255, 255, 255, 255, 7, 40, 2, 0, 11]);
try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    instance.exports.f();
} catch (error) {
    console.log(error.name, error.message.replace(/@\+.*/, ""));
}'
    grep -q '^RuntimeError memory access out of bounds' "$BATS_TEST_TMPDIR/with"
}

# ---- who looks on ----

looked_at() { # the program that gdb and strace see: NAME
    compile "$1" <<<"$lost_page
        int main(void) { return *(volatile char *)lose(); }"
}

@test "neighbours: gdb stops at the fault and shows the same" {
    skip_without gdb
    looked_at stopped
    cat >"$BATS_TEST_TMPDIR/look.gdb" <<'END_OF_GDB'
set pagination off
set debuginfod enabled off
run
p $_siginfo.si_signo
p $_siginfo.si_code
p $_siginfo._sifields._sigfault.si_addr == $rax
bt 1
END_OF_GDB
    # Only the program gets the preload.
    for run in bare with; do
        preload=
        [ $run = bare ] || preload=$SIGBUS_LIB
        record $run gdb -nx -batch ${preload:+-ex "set environment LD_PRELOAD $preload"} \
            -ex 'set environment SIGBUS_LOG off' -x "$BATS_TEST_TMPDIR/look.gdb" \
            "$BATS_TEST_TMPDIR/stopped"
        normalise "$BATS_TEST_TMPDIR/$run"
    done
    assert_no_difference
    grep -q 'Program received signal SIGBUS' "$BATS_TEST_TMPDIR/with"
}

# strace sees the signal twice: once for us, once to die of it. Both are the kernel's own.
@test "neighbours: strace shows the same signal and the same death" {
    skip_without strace
    looked_at traced
    for run in bare with; do
        preload=
        [ $run = bare ] || preload=$SIGBUS_LIB
        record $run strace -e trace=none ${preload:+-E LD_PRELOAD="$preload"} -E SIGBUS_LOG=off \
            "$BATS_TEST_TMPDIR/traced"
        uniq "$BATS_TEST_TMPDIR/$run" >"$BATS_TEST_TMPDIR/once"
        mv "$BATS_TEST_TMPDIR/once" "$BATS_TEST_TMPDIR/$run"
        normalise "$BATS_TEST_TMPDIR/$run"
    done
    assert_no_difference
    grep -q 'si_code=BUS_ADRERR' "$BATS_TEST_TMPDIR/with"
}
