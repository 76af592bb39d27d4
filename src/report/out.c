/* SPDX-License-Identifier: MIT */
/*
 * Where lines go: SIGBUS_LOG.
 *
 * A line must not block the thread that faulted, must not raise a signal in it, and must not end up
 * in a file of the program's that happens to have the number of the old stderr. A line that can't
 * be written so is counted, and the next one that can says how many were lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "base/base.h"
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/process.h"
#include "kernel/scratch.h"
#include "report/backtrace.h"
#include "report/formats.h"
#include "report/report.h"

/* Set while there is one thread, then only read. */
LARGE static struct out_target out; /* two paths */
static struct identity identity; /* of the descriptor when it was named */

static _Atomic uint64_t lost_untold;
static atomic_bool is_torn; /* the last write stopped in the middle of a line */

/* Was the parent started with a SIGBUS_LOG, too? Then it is one of a family, and has said it. */
static bool parent_has_log(void)
{
	static const char name[] = "SIGBUS_LOG=";
	char path[40], bytes[16384];
	struct text text = {path, sizeof(path), 0, false};
	long fd, length, at = 0;

	text_add(&text, "/proc/");
	text_decimal(&text, SYS_0(SYS_getppid));
	text_add(&text, "/environ");
	fd = kernel_open(AT_FDCWD, path);
	if (fd < 0)
		return false;
	length = SYS_3(SYS_read, fd, bytes, sizeof(bytes) - 1);
	SYS_1(SYS_close, fd);
	bytes[length > 0 ? length : 0] = '\0';
	while (at < length && !text_starts(bytes + at, name))
		at += (long)strlen(bytes + at) + 1;
	return at < length;
}

/* At the start: later each report would be a lost line. The directory may still be made. */
static void say_missing(const char *directory)
{
	char line[PATH_MAX + 128];
	struct text text = {line, sizeof(line), 0, false};

	if (parent_has_log())
		return;
	text_add(&text, "libsigbus: SIGBUS_LOG: there is no directory ");
	text_escaped(&text, directory);
	text_add(&text, ": reports are lost until it is made\n");
	out_stderr_line(line, text.length);
}

/* The name of a directory without links, into path; 0: not known. */
static size_t resolve(char path[PATH_MAX])
{
	char link[32];
	struct text text = {link, sizeof(link), 0, false};
	long fd = SYS_4(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	long length;

	if (fd == -ENOENT || fd == -ENOTDIR)
		say_missing(path);
	if (fd < 0)
		return 0;
	text_add(&text, "/proc/self/fd/");
	text_decimal(&text, fd);
	length = SYS_4(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX);
	SYS_1(SYS_close, fd);
	return length > 0 && length < PATH_MAX && path[0] == '/' ? (size_t)length : 0;
}

/*
 * What leads to the file is looked up once, now: a link that is put there later is not followed. A
 * directory with %p in its name is not looked up: no link is followed there.
 */
static void resolve_directory(void)
{
	char path[PATH_MAX];
	const char *pattern = out.path + out.directory_length;
	char *name = strrchr(out.path, '/');
	size_t length = (size_t)(name - out.path);

	if (!length || length >= sizeof(path) ||
		(name > pattern && memchr(pattern, '%', (size_t)(name - pattern))))
		return;
	memcpy(path, out.path, length);
	path[length] = '\0';
	length = resolve(path);
	if (!length)
		return;
	memmove(out.path + length, name, strlen(name) + 1);
	memcpy(out.path, path, length);
	out.directory_length = length; /* what is in front is no pattern any more */
}

int out_open(const char *spec, char *error, size_t error_size)
{
	int result = out_parse(spec, &out, error, error_size);

	identity = identify(out.fd);
	if (out.kind == OUT_PATH || out.kind == OUT_SOCKET || out.backtrace)
		root_init();
	if (out.kind == OUT_PATH)
		resolve_directory();
	if (out.backtrace)
		backtrace_init();
	return result;
}

enum out_format out_format(void)
{
	return out.format;
}

bool out_wanted(void)
{
	return out.kind != OUT_OFF;
}

bool out_start_line_wanted(void)
{
	return out.start_line && out_wanted();
}

bool out_all_wanted(void)
{
	return out.all;
}

bool out_backtrace_wanted(void)
{
	return out.backtrace && out_wanted();
}

/* ---- destinations ---- */

static bool expand_path(char *path, size_t size)
{
	struct text text = {path, size, 0, false};

	text_bytes(&text, out.path, out.directory_length);
	for (const char *at = out.path + out.directory_length; *at; at++) {
		if (*at == '%' && *++at == 'p')
			text_decimal(&text, SYS_0(SYS_getpid));
		else
			text_bytes(&text, at, 1);
	}
	return !text.cut;
}

/* No link at all, where the kernel can do that (5.6) and no filter forbids it: else not the last. */
static long open_path(const char *path)
{
	struct open_how how = {.flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
					O_NONBLOCK | O_NOCTTY,
		.mode = 0600,
		.resolve = RESOLVE_NO_SYMLINKS};
	long fd = SYS_4(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd == -ENOSYS || fd == -EPERM)
		fd = SYS_4(SYS_openat, AT_FDCWD, path, how.flags, how.mode);
	return fd;
}

/*
 * Who may write in the directory can have put a file, or a pipe, of that name there to read it; or, by
 * a hard link, a file of ours or root's that is no log.
 */
static bool is_somebody_elses(const struct identity *file)
{
	if (file->type == S_IFREG && file->links > 1)
		return true;
	return (file->type == S_IFREG || file->type == S_IFIFO) && file->owner != 0 &&
	       file->owner != (uid_t)SYS_0(SYS_geteuid);
}

static long write_opened(const char *path, struct lines *lines)
{
	struct identity identity;
	long result;
	long fd = open_path(path);

	if (fd < 0)
		return fd;
	identity = identify((int)fd);
	result = is_somebody_elses(&identity) ? -EPERM
					      : write_lines((int)fd, &identity, lines);
	SYS_1(SYS_close, fd);
	return result;
}

static long write_path(struct lines *lines)
{
	struct scratch *scratch = scratch_get();
	long result = -ENAMETOOLONG;

	if (!scratch)
		return -EAGAIN;
	if (!root_is_ours()) { /* the file of that name is another one, and others may read it */
		scratch_put(scratch);
		return -EXDEV;
	}
	if (expand_path(scratch->path, sizeof(scratch->path)))
		result = write_opened(scratch->path, lines);
	scratch_put(scratch);
	return result;
}

/* ---- lines ---- */

void out_count_lost(void)
{
	counter_add(&counters()->lost, 1);
	atomic_fetch_add(&lost_untold, 1);
}

static void note_lost(struct text *text, uint64_t count)
{
	char note[48];
	struct text words = {note, sizeof(note), 0, false};

	if (atomic_load(&is_torn))
		text_add(text, "\n");
	if (!count)
		return;
	text_decimal(&words, (int64_t)count);
	text_add(&words, count == 1 ? " line lost" : " lines lost");
	note_add(text, note);
}

static long write_out(struct lines *lines)
{
	struct identity now;

	switch (out.kind) {
	case OUT_SOCKET: /* as in write_path() */
		return root_is_ours() ? journal_send(lines) : -EXDEV;
	case OUT_PATH:
		return write_path(lines);
	default:
		now = identify(out.fd);
		return same_identity(&now, &identity) ? write_lines(out.fd, &now, lines) : -ESTALE;
	}
}

static void send_lines(struct lines *lines, uint64_t untold)
{
	size_t noted = lines->part[0].iov_len;
	long result = write_out(lines);

	if (result > 0 && out.kind != OUT_SOCKET)
		atomic_store(&is_torn, result != (long)lines->length && result != (long)noted);
	if (result < (long)noted)
		atomic_fetch_add(&lost_untold, untold);
	if (result < (long)lines->length)
		out_count_lost();
}

/* It is rare, and the stack may be small. */
static APART void send_with_note(struct lines *lines)
{
	char note[160];
	struct text text = {note, sizeof(note), 0, false};
	uint64_t untold = atomic_exchange(&lost_untold, 0);

	note_lost(&text, untold);
	lines->part[0] = (struct iovec){note, text.length};
	lines->length += text.length;
	send_lines(lines, untold);
}

void out_line(const char *line, size_t length)
{
	struct lines lines = {{{NULL, 0}, {(void *)line, length}}, length};

	if (out.kind == OUT_OFF)
		return;
	if (atomic_load(&lost_untold) || atomic_load(&is_torn))
		send_with_note(&lines);
	else
		send_lines(&lines, 0);
}

void out_stderr_line(const char *line, size_t length)
{
	struct lines lines = {{{(void *)line, length}, {NULL, 0}}, length};
	struct identity stderr_now = identify(2);

	if (stderr_now.type)
		write_lines(2, &stderr_now, &lines);
}
