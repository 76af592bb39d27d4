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
#include "report.h"
#include "syscall.h"

enum out_kind { OUT_FD, OUT_OFF, OUT_PATH, OUT_SOCKET };

/* Set while there is one thread, then only read. */
static struct {
	enum out_kind kind;
	enum out_format format;
	int fd;
	struct identity identity;
	bool start_line, backtrace;
	size_t directory_length; /* of what is in front of the relative path */
	char path[2 * PATH_MAX]; /* directory, "/", and then with %p as written */
} out = {.fd = 2};

static _Atomic uint64_t lost_untold;
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

/* "word:/x" is no path: a later word must not be a file name today. */
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

/* Where JSON can go too. NULL, or what is wrong with the word. */
static const char *parse_stream(struct word word)
{
	if (word_is(word, "stderr"))
		return use_fd(2);
	if (word_starts(word, "fd:"))
		return parse_fd((struct word){word.text + 3, word.length - 3});
	if (!word_has_slash(word) || has_prefix(word))
		return "unknown destination";
	return parse_path(word);
}

static const char *parse(struct word word)
{
	if (word_is(word, "off")) {
		out.kind = OUT_OFF;
		return NULL;
	}
	if (word_is(word, "journal")) {
		out.kind = OUT_SOCKET;
		out.format = OUT_JOURNAL;
		return NULL;
	}
	if (!word_starts(word, "json:"))
		return parse_stream(word);
	out.format = OUT_JSON;
	return parse_stream((struct word){word.text + 5, word.length - 5});
}

/* In any order, each once. */
static void parse_suffixes(struct word *word)
{
	bool *wanted;

	do {
		wanted = NULL;
		if (!out.start_line && take_suffix(word, "+start"))
			wanted = &out.start_line;
		else if (!out.backtrace && take_suffix(word, "+backtrace"))
			wanted = &out.backtrace;
		if (wanted)
			*wanted = true;
	} while (wanted);
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
	text_add(text, "; valid are stderr, off, journal, fd:N, and a path with a \"/\" (%p is the "
		       "process "
		       "id), json: before stderr, fd: or a path, +start and +backtrace behind all");
}

int out_open(const char *spec, char *error, size_t error_size)
{
	struct text text = {error, error_size, 0, false};
	struct word word = {spec, spec ? strlen(spec) : 0};
	const char *what;

	out.format = OUT_TEXT;
	out.start_line = out.backtrace = false;
	parse_suffixes(&word);
	what = word.length ? parse(word) : use_fd(2);
	if (!what)
		return 0;
	out.format = OUT_TEXT;
	out.start_line = out.backtrace = false;
	use_fd(2);
	explain(&text, what, spec);
	return -EINVAL;
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

bool out_backtrace_wanted(void)
{
	return out.backtrace && out_wanted();
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
	switch (out.kind) {
	case OUT_SOCKET:
		return journal_send(lines);
	case OUT_PATH:
		return write_path(lines);
	default:
		return write_fd(lines);
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
