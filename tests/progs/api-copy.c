/* SPDX-License-Identifier: MIT */
/*
 * api-copy MODE...: sigbus_copy_from() and sigbus_copy_to() at the edge of a file that was
 * truncated.
 *
 *   exact    every short length and offset, and some long ones, both ways: how many bytes
 *   blocked  with all signals blocked, and in a handler of another signal
 *   nested   in a handler of SIGBUS
 *   threads  several at once, while the file is truncated and grows again
 *   errors   NULL, overflow, nothing to copy
 *
 * Prints "MODE: ok", or what is wrong.
 */
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 64
#define GOOD 40 /* pages, when it is truncated */

static size_t page_size, size, edge;
static int fd;
static char *map, *buffer;

static void fail(const char *what, size_t offset, size_t length)
{
	printf("%s (offset %zu, length %zu)\n", what, offset, length);
	exit(1);
}

static char content(size_t offset)
{
	return (char)(offset * 7 + offset / 251 + 1);
}

static void resize(size_t bytes)
{
	if (ftruncate(fd, (off_t)bytes) < 0)
		exit(99);
}

/* The whole file, with its content. */
static void fill(void)
{
	resize(size);
	for (size_t i = 0; i < size; i++)
		map[i] = content(i);
}

/* ---- exact ---- */

static size_t expected(size_t offset, size_t length)
{
	size_t there = offset < edge ? edge - offset : 0;

	return length < there ? length : there;
}

static void check_result(int error, size_t copied, size_t offset, size_t length)
{
	size_t want = expected(offset, length);

	if (copied != want)
		fail("wrong number of bytes", offset, length);
	if (error != (want == length ? 0 : -EFAULT))
		fail("wrong result", offset, length);
}

static void check_from(size_t offset, size_t length, size_t misalign)
{
	size_t copied = 12345;
	int error;

	memset(buffer, 0x55, length + 256);
	error = sigbus_copy_from(buffer + misalign, map + offset, length, &copied);
	check_result(error, copied, offset, length);
	for (size_t i = 0; i < copied; i++)
		if (buffer[misalign + i] != content(offset + i))
			fail("wrong byte read", offset, length);
	for (size_t i = copied; i < length + 64; i++)
		if (buffer[misalign + i] != 0x55)
			fail("byte behind the copy", offset, length);
	if (misalign && buffer[misalign - 1] != 0x55)
		fail("byte before the copy", offset, length);
}

static void check_to(size_t offset, size_t length, size_t misalign)
{
	size_t copied = 12345;
	int error;

	for (size_t i = 0; i < length; i++)
		buffer[misalign + i] = (char)~content(offset + i);
	error = sigbus_copy_to(map + offset, buffer + misalign, length, &copied);
	check_result(error, copied, offset, length);
	for (size_t i = 0; i < copied; i++)
		if (map[offset + i] != (char)~content(offset + i))
			fail("wrong byte written", offset, length);
	for (size_t i = offset + copied; i < edge && i < offset + copied + 64; i++)
		if (map[i] != content(i))
			fail("byte written behind the copy", offset, length);
	if (offset && offset <= edge && map[offset - 1] != content(offset - 1))
		fail("byte written before the copy", offset, length);
	for (size_t i = 0; i < copied; i++)
		map[offset + i] = content(offset + i);
}

static void check_both(size_t offset, size_t length, size_t misalign)
{
	check_from(offset, length, misalign);
	check_to(offset, length, misalign);
}

static void exact(void)
{
	static const size_t more[] = {511, 512, 4095, 4096, 4097, 10000, 65536, 100001};

	resize(edge);
	for (size_t length = 0; length <= 280; length++) {
		for (size_t back = 0; back <= length; back += 1 + length / 24)
			check_both(edge - back, length, (length + back) % 33);
		check_both(edge + page_size, length, 1);
		check_both(edge - 2 * page_size + length, length, 3);
	}
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		for (size_t shift = 0; shift < 67; shift += 11) {
			check_both(edge - more[i], more[i], shift);
			check_both(edge - more[i] / 2 - shift, more[i], shift);
			check_both(edge + shift, more[i], shift);
			check_both(edge - more[i] - shift, more[i], 0);
		}
}

/* ---- in all kinds of contexts ---- */

static void on_signal(int signal)
{
	(void)signal;
	check_both(edge - 100, 300, 5);
}

static void blocked(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t all;

	resize(edge);
	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	check_both(edge - 100, 300, 5);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void on_sigbus(int signal, siginfo_t *info, void *ucontext)
{
	char *page = (char *)((uintptr_t)info->si_addr & ~(page_size - 1));

	(void)ucontext;
	on_signal(signal);
	mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		0);
}

static void nested(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
	volatile char *lost = map + edge + 8 * page_size;

	resize(edge);
	sigfillset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
	if (*lost != 0)
		fail("the handler's page", 0, 0);
	signal(SIGBUS, SIG_DFL);
	mmap((void *)lost, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		lost - map);
}

/* ---- threads ---- */

static atomic_int stop;

/* Read through the map while it comes and goes: what is copied is content or, when it grew, zero.
 */
static void *copier(void *unused)
{
	char *own = malloc(size);
	size_t copied, rounds = 0;
	int error = 0;

	(void)unused;
	for (; !atomic_load(&stop) || !rounds; rounds++) {
		size_t offset = rounds * 977 % (size / 2), length = size - offset - rounds % 99;

		error = sigbus_copy_from(own, map + offset, length, &copied);
		if (error != 0 && error != -EFAULT)
			fail("wrong result in a thread", offset, length);
		if ((error == 0) != (copied == length) || copied > length)
			fail("wrong number of bytes in a thread", offset, length);
		for (size_t i = 0; i < copied; i++)
			if (own[i] && own[i] != content(offset + i))
				fail("wrong byte in a thread", offset, length);
	}
	free(own);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[3];

	fill();
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, copier, NULL);
	for (int i = 0; i < 300; i++) {
		resize(edge - (size_t)(i % 40) * page_size);
		resize(size);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	fill();
}

/* ---- errors ---- */

static void errors(void)
{
	size_t copied = 1;

	if (sigbus_copy_from(buffer, NULL, 1, &copied) != -EINVAL || copied != 0 ||
		sigbus_copy_from(NULL, buffer, 1, NULL) != -EINVAL ||
		sigbus_copy_to(NULL, buffer, 1, NULL) != -EINVAL ||
		sigbus_copy_from(buffer, map, SIZE_MAX, NULL) != -EINVAL ||
		sigbus_copy_to(map, buffer, SIZE_MAX - 4096, NULL) != -EINVAL)
		fail("not refused", 0, 0);
	if (sigbus_copy_from(NULL, NULL, 0, &copied) != 0 || sigbus_copy_to(map, map, 0, NULL) != 0)
		fail("an empty copy", 0, 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"exact", exact}, {"blocked", blocked}, {"nested", nested},
		{"threads", threads}, {"errors", errors}};

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	size = PAGES * page_size;
	edge = GOOD * page_size;
	fd = memfd_create("copied", MFD_CLOEXEC);
	resize(size);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	buffer = malloc(size + 512);
	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 1; i < argc; i++)
		for (size_t mode = 0; mode < sizeof(modes) / sizeof(*modes); mode++)
			if (!strcmp(argv[i], modes[mode].name)) {
				fill();
				modes[mode].run();
				printf("%s: ok\n", modes[mode].name);
			}
	return 0;
}
