/* SPDX-License-Identifier: MIT */
/*
 * sig-matrix [cores|mapped] [WORD...]: every way in which a SIGBUS can meet a process, one line a
 * cell; words of a cell's name select cells. What a line says does not depend on who else is in the
 * process.
 *
 * The lost pages are mapped by a raw system call: they are nobody's, so no owner answers for them;
 * with "mapped" they are the program's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sig-matrix.h"

static const char *const send_names[] = {
	"fault", "raise", "kill", "sigqueue", "pthread_kill", "forged"};
static const char *const disposition_names[] = {"default", "ignored", "handler"};
static const char *const context_names[] = {"main", "thread", "fork"};
static const char *const nested_names[] = {"plain", "nested", "nested-other"};
static const struct {
	const char *name;
	unsigned bit;
} flag_names[] = {{"siginfo", SA_SIGINFO}, {"nodefer", SA_NODEFER}, {"resethand", SA_RESETHAND},
	{"onstack", SA_ONSTACK}, {"restart", SA_RESTART}};
#define FLAGS (sizeof(flag_names) / sizeof(*flag_names))

/* ---- telling ---- */

static void name_cell(char *name, size_t size)
{
	size_t length = snprintf(name, size, "%s %s %s %s %s %s", send_names[cell.send],
		disposition_names[cell.disposition], cell.blocked ? "blocked" : "unblocked",
		context_names[cell.context], nested_names[cell.nested],
		cell.alternate ? "altstack" : "no-altstack");

	for (size_t i = 0; i < FLAGS; i++)
		if (cell.flags & flag_names[i].bit)
			length += snprintf(name + length, size - length, " %s", flag_names[i].name);
}

static void print_call(const struct call *call)
{
	printf(" [%d code=%d about=%d mask=%" PRIx64 " saved=%" PRIx64 " stack=%s errno=%d thread=%d]", call->signo,
		call->code, call->about, call->mask, call->saved_mask,
		call->alternate ? "alternate" : "own", call->errno_kept, call->right_thread);
}

static void print_view(const char *name, const struct view *view)
{
	if (view->seen)
		printf(" %s: calls=%d pending=%d mask=%" PRIx64 " action=%s/%x errno=%d", name, view->calls,
			view->pending, view->mask, disposition_names[view->handler], view->flags,
			view->errno_now == 77);
}

static void print_cell(const char *name, int status)
{
	printf("%s: calls=%d", name, notes->calls);
	for (int i = 0; i < notes->calls && i < CALLS_MAX; i++)
		print_call(&notes->call[i]);
	if (notes->other.signo)
		print_call(&notes->other);
	print_view("after", &notes->after);
	print_view("unblocked", &notes->unblocked);
	printf(" status=%x/%x\n", status, notes->inner_status);
}

/* ---- all cells ---- */

static int is_selected(const char *name, char **words)
{
	for (; *words; words++) {
		const char *at = strstr(name, *words);
		size_t length = strlen(*words);

		if (!at || (at > name && at[-1] != ' ') || (at[length] && at[length] != ' '))
			return 0;
	}
	return 1;
}

static void do_cell(char **words)
{
	char name[256];

	name_cell(name, sizeof(name));
	if (is_selected(name, words))
		print_cell(name, run_cell());
}

static void flags_and_stacks(char **words)
{
	for (unsigned subset = 0; subset < 1u << FLAGS; subset++) {
		cell.flags = 0;
		for (size_t i = 0; i < FLAGS; i++)
			cell.flags |= subset & (1u << i) ? flag_names[i].bit : 0;
		for (cell.alternate = 0; cell.alternate < 2; cell.alternate++)
			do_cell(words);
	}
}

static void all_cells(char **words)
{
	for (cell.disposition = 0; cell.disposition < DISPOSITIONS; cell.disposition++)
		for (cell.send = 0; cell.send < SENDS; cell.send++)
			for (cell.blocked = 0; cell.blocked < 2; cell.blocked++)
				for (cell.context = 0; cell.context < CONTEXTS; cell.context++)
					for (cell.nested = 0;
						cell.nested <
						(cell.disposition == HANDLER ? NESTED : 1);
						cell.nested++)
						flags_and_stacks(words);
}

/* With core dumps: only who dies of the default action, in each way. */
static void with_cores(void)
{
	static char *any[] = {NULL};
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_CORE, &limit);
	for (cell.send = 0; cell.send < SENDS; cell.send++)
		for (cell.context = 0; cell.context < CONTEXTS; cell.context++)
			for (cell.blocked = 0; cell.blocked < 2; cell.blocked++)
				do_cell(any);
}

static void map_lost_pages(int by_raw_call)
{
	int fd = memfd_create("sig-matrix", MFD_CLOEXEC), flags = MAP_SHARED | MAP_FIXED_NOREPLACE;
	long mapped;

	if (ftruncate(fd, 2 * PAGE) < 0)
		_exit(99);
	mapped = by_raw_call ? syscall(SYS_mmap, LOST, 2 * PAGE, PROT_READ, flags, fd, 0)
			     : (long)mmap(LOST, 2 * PAGE, PROT_READ, flags, fd, 0);
	if (mapped != (long)LOST || ftruncate(fd, 0) < 0)
		_exit(99);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	struct rlimit none = {0, 0};
	int is_mapped = strcmp(mode, "mapped") == 0;

	map_lost_pages(!is_mapped);
	notes = mmap(
		NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (notes == MAP_FAILED)
		return 99;
	if (strcmp(mode, "cores") == 0) {
		with_cores();
		return 0;
	}
	setrlimit(RLIMIT_CORE, &none);
	all_cells(argv + 1 + is_mapped);
	return 0;
}
