/* SPDX-License-Identifier: MIT */
/*
 * smithay-like STEP...: what compositors written in Rust with Smithay (niri, cosmic-comp) do about
 * SIGBUS. Steps: pool (a lost pool is read under guard), open-pool (without guard), keymap (a lost
 * keymap is read). Each prints what was read, and whether the guard has noticed.
 *
 * Rust's run time has a handler from the start: for what is no stack overflow it sets the default
 * action and returns. Smithay's comes later: a fault in the pool that is guarded now is answered, for
 * any other the older handler is put back and the signal raised. Pools are mapped by raw system calls,
 * keymaps by the C library.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE (64 << 10)

static struct sigaction before;
static char *volatile guarded;
static volatile sig_atomic_t noticed;

static void handle_as_std(int signal, siginfo_t *info, void *context)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	(void)info, (void)context;
	sigaction(signal, &action, NULL);
}

static void handle_as_smithay(int signal, siginfo_t *info, void *context)
{
	char *address = info->si_addr, *pool = guarded;

	(void)context;
	if (pool && address >= pool && address < pool + SIZE) {
		noticed = 1;
		syscall(SYS_mmap, pool, SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0L);
		return;
	}
	sigaction(signal, &before, NULL);
	raise(signal);
}

static int lose(int fd)
{
	return ftruncate(fd, 0);
}

static void read_all(const char *step, const volatile char *map)
{
	int sum = 0;

	for (int i = 0; i < SIZE; i += 4096)
		sum += map[i];
	printf("%s: read %d, %s\n", step, sum, noticed ? "noticed" : "not noticed");
}

static void read_pool(const char *step, int is_guarded)
{
	int fd = memfd_create("pool", 0);
	char *pool;

	if (ftruncate(fd, SIZE) < 0)
		return;
	pool = (char *)syscall(SYS_mmap, NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
	lose(fd);
	noticed = 0;
	guarded = is_guarded ? pool : NULL;
	read_all(step, pool);
	guarded = NULL;
}

static void read_keymap(const char *step)
{
	int fd = memfd_create("keymap", 0);
	char *keymap;

	if (ftruncate(fd, SIZE) < 0)
		return;
	keymap = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	lose(fd);
	noticed = 0;
	read_all(step, keymap);
}

int main(int argc, char **argv)
{
	struct sigaction action = {
		.sa_sigaction = handle_as_std, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	setvbuf(stdout, NULL, _IONBF, 0);
	sigaction(SIGBUS, &action, NULL);
	action = (struct sigaction){
		.sa_sigaction = handle_as_smithay, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGBUS, &action, &before);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "keymap") == 0)
			read_keymap(argv[i]);
		else
			read_pool(argv[i], strcmp(argv[i], "pool") == 0);
	}
	return 0;
}
