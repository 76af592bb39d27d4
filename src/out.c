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
#include <string.h>
#include <sys/uio.h>
#include "internal.h"
#include "syscall.h"

enum out_kind { OUT_FD, OUT_OFF, OUT_PATH };

/* Set while there is one thread, then only read. */
static struct {
	enum out_kind kind;
	int fd;
	struct identity identity;
	bool start_line;
	size_t directory_length; /* of what is in front of the relative path */
	char path[2 * PATH_MAX]; /* directory, "/", and then with %p as written */
} out = {.fd = 2};

static _Atomic uint64_t lost_total, lost_untold;
static atomic_bool is_torn; /* the last write stopped in the middle of a line */

/* ---- SIGBUS_LOG -> out ---- */

struct word {
	const char *text;
	size_t length;
};

static bool word_is(struct word word, const char *text)
{
	return word.length == strlen(text) && !memcmp(word.text, text, word.length);
}

static bool word_starts(struct word word, const char *prefix)
{
	size_t length = strlen(prefix);

	return word.length >= length && !memcmp(word.text, prefix, length);
}

static bool word_has_slash(struct word word)
{
	for (size_t i = 0; i < word.length; i++)
		if (word.text[i] == '/')
			return true;
	return false;
}

/* Cuts the suffix off. */
static bool take_suffix(struct word *word, const char *suffix)
{
	size_t length = strlen(suffix);

	if (word->length < length ||
		memcmp(word->text + word->length - length, suffix, length) != 0)
		return false;
	word->length -= length;
	return true;
}

static const char *use_fd(int fd)
{
	out.kind = OUT_FD;
	out.fd = fd;
	out.identity = identify(fd);
	return NULL;
}

static const char *parse_fd(struct word digits)
{
	int fd = 0;

	if (digits.length == 0 || digits.length > 9)
		return "no number of a file descriptor in";
	for (size_t i = 0; i < digits.length; i++) {
		if (digits.text[i] < '0' || digits.text[i] > '9')
			return "no number of a file descriptor in";
		fd = fd * 10 + digits.text[i] - '0';
	}
	return use_fd(fd);
}

/* "json:/x" is no path: a later word must not be a file name today. */
static bool has_prefix(struct word word)
{
	size_t i = 0;

	while (i < word.length && word.text[i] >= 'a' && word.text[i] <= 'z')
		i++;
	return i > 0 && i < word.length && word.text[i] == ':';
}

static bool escapes_are_valid(struct word word)
{
	for (size_t i = 0; i < word.length; i++)
		if (word.text[i] == '%' &&
			(++i == word.length || (word.text[i] != 'p' && word.text[i] != '%')))
			return false;
	return true;
}

static const char *parse_path(struct word word)
{
	long length = 0;

	if (!escapes_are_valid(word))
		return "neither %p nor %% behind the % in";
	if (word.length >= PATH_MAX)
		return "path is too long:";
	if (word.text[0] != '/') {
		length = SYS_2(SYS_getcwd, out.path, PATH_MAX);
		if (length <= 1 || out.path[0] != '/')
			return "no current directory for";
		out.path[length - 1] = '/';
	}
	out.directory_length = (size_t)length;
	memcpy(out.path + length, word.text, word.length);
	out.path[(size_t)length + word.length] = '\0';
	out.kind = OUT_PATH;
	return NULL;
}

/* NULL, or what is wrong with the word. */
static const char *parse(struct word word)
{
	if (word_is(word, "stderr"))
		return use_fd(2);
	if (word_is(word, "off")) {
		out.kind = OUT_OFF;
		return NULL;
	}
	if (word_starts(word, "fd:"))
		return parse_fd((struct word){word.text + 3, word.length - 3});
	if (!word_has_slash(word) || has_prefix(word))
		return "unknown destination";
	return parse_path(word);
}

static void explain(struct text *text, const char *what, const char *spec)
{
	char shown[128];
	struct text word = {shown, sizeof(shown), 0, false};

	text_escaped(&word, spec);
	text_add(text, "SIGBUS_LOG: ");
	text_add(text, what);
	text_add(text, " \"");
	text_add(text, shown);
	text_add(text, word.cut ? "...\"" : "\"");
	text_add(text,
		"; valid are stderr, off, fd:N, and a path with a \"/\" (%p is the process id), "
		"each also with +start behind it");
}

int out_open(const char *spec, char *error, size_t error_size)
{
	struct text text = {error, error_size, 0, false};
	struct word word = {spec, spec ? strlen(spec) : 0};
	bool start_line = take_suffix(&word, "+start");
	const char *what = word.length ? parse(word) : use_fd(2);

	out.start_line = start_line && !what;
	if (!what)
		return 0;
	use_fd(2);
	explain(&text, what, spec);
	return -EINVAL;
}

bool out_wanted(void)
{
	return out.kind != OUT_OFF;
}

bool out_start_line_wanted(void)
{
	return out.start_line && out_wanted();
}

/* ---- destinations ---- */

static long write_fd(struct lines *lines)
{
	struct identity now = identify(out.fd);

	return same_identity(&now, &out.identity) ? write_lines(out.fd, &now, lines) : -ESTALE;
}

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

static long write_opened(const char *path, struct lines *lines)
{
	struct identity identity;
	long result;
	long fd = SYS_4(SYS_openat, AT_FDCWD, path,
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		0600);

	if (fd < 0)
		return fd;
	identity = identify((int)fd);
	result = write_lines((int)fd, &identity, lines);
	SYS_1(SYS_close, fd);
	return result;
}

static long write_path(struct lines *lines)
{
	struct scratch *scratch = scratch_get();
	long result = -ENAMETOOLONG;

	if (!scratch)
		return -EAGAIN;
	if (expand_path(scratch->path, sizeof(scratch->path)))
		result = write_opened(scratch->path, lines);
	scratch_put(scratch);
	return result;
}

/* ---- lines ---- */

void out_count_lost(void)
{
	atomic_fetch_add(&lost_total, 1);
	atomic_fetch_add(&lost_untold, 1);
}

uint64_t out_lost(void)
{
	return atomic_load(&lost_total);
}

static void note_lost(struct text *text, uint64_t count)
{
	if (atomic_load(&is_torn))
		text_add(text, "\n");
	if (!count)
		return;
	text_add(text, "libsigbus: ");
	text_decimal(text, (int64_t)count);
	text_add(text, count == 1 ? " line lost\n" : " lines lost\n");
}

void out_line(const char *line, size_t length)
{
	char note[64];
	struct text text = {note, sizeof(note), 0, false};
	uint64_t untold;
	struct lines lines;
	long result;

	if (out.kind == OUT_OFF)
		return;
	untold = atomic_exchange(&lost_untold, 0);
	note_lost(&text, untold);
	lines = (struct lines){{{note, text.length}, {(void *)line, length}}, text.length + length};
	result = out.kind == OUT_PATH ? write_path(&lines) : write_fd(&lines);
	if (result > 0)
		atomic_store(&is_torn, result != (long)lines.length && result != (long)text.length);
	if (result < (long)text.length)
		atomic_fetch_add(&lost_untold, untold);
	if (result < (long)lines.length)
		out_count_lost();
}

void out_stderr_line(const char *line, size_t length)
{
	struct lines lines = {{{(void *)line, length}, {NULL, 0}}, length};
	struct identity stderr_now = identify(2);

	if (stderr_now.type)
		write_lines(2, &stderr_now, &lines);
}

static void note(const char *text, void (*write)(const char *, size_t))
{
	char buffer[1024];
	struct text line = {buffer, sizeof(buffer) - 1, 0, false};

	text_add(&line, "libsigbus: ");
	text_add(&line, text);
	buffer[line.length] = '\n';
	write(buffer, line.length + 1);
}

void report_note(const char *text)
{
	note(text, out_line);
}

void report_note_always(const char *text)
{
	note(text, out_stderr_line);
}
