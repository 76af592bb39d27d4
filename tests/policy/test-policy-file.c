/* SPDX-License-Identifier: MIT */
/* The files behind "@NAME": what is read, what is refused, and that nothing blocks or leaks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "policy/policy.h"
#include "signal/frame.h"
#include "../harness/tap.h"

static char directory[] = "/tmp/test-policy-file.XXXXXX";
static bool no_memory;

static void *allocate(size_t size)
{
	return no_memory ? NULL : calloc(1, size);
}

static int load(const char *name, const char **text, size_t *length)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return policy_load(path, text, length);
}

static void refuses(const char *name, int error, const char *why)
{
	const char *text = NULL;
	size_t length;
	int result = load(name, &text, &length);

	ok(result == -error && !text, "%s: %d, expected %d", why, result, -error);
}

static int create(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (write(fd, text, strlen(text)) < 0)
		perror(name);
	return fd;
}

static void test_read(void)
{
	const char *text;
	size_t length;

	close(create("some", "*=zero\n"));
	ok(load("some", &text, &length) == 0 && length == 7 && !memcmp(text, "*=zero\n", 8),
		"a file by its path");
	ok(policy_load("some", &text, &length) == 0 && length == 7, "a preset by its name");
	ok(policy_load("./some", &text, &length) == 0 && length == 7, "a relative path");
	close(create("empty", ""));
	ok(load("empty", &text, &length) == 0 && length == 0, "an empty file");
	ok(symlink("some", "link") == 0 && load("link", &text, &length) == 0 && length == 7,
		"through a symbolic link");
}

static void test_size(void)
{
	const char *text;
	size_t length;
	int fd = create("big", "");

	ok(ftruncate(fd, POLICY_TEXT_MAX) == 0 && load("big", &text, &length) == 0 &&
			length == POLICY_TEXT_MAX,
		"1 MiB");
	ok(ftruncate(fd, POLICY_TEXT_MAX + 1) == 0, "and one byte");
	refuses("big", EFBIG, "is too big");
	close(fd);
}

static void test_kinds(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	refuses("", EISDIR, "a directory");
	refuses("none", ENOENT, "a missing file");
	refuses("none/file", ENOENT, "a missing directory");
	refuses("some/file", ENOTDIR, "a file as a directory");
	ok(symlink("loop", "loop") == 0, "a link to itself");
	refuses("loop", ELOOP, "a link to itself");
	ok(mkfifo("fifo", 0600) == 0, "a FIFO that nobody writes to");
	refuses("fifo", EOPNOTSUPP, "a FIFO");
	ok(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "a socket");
	refuses("socket", EOPNOTSUPP, "a socket");
	refuses("../../dev/null", EOPNOTSUPP, "a device");
	close(fd);
}

static void test_permission(void)
{
	close(create("secret", "*=zero\n"));
	chmod("secret", 0);
	if (geteuid() == 0 && (chmod(".", 0755) || seteuid(65534)))
		printf("# still root\n");
	refuses("secret", EACCES, "an unreadable file");
	if (getuid() == 0 && seteuid(0))
		perror("seteuid");
}

static void test_names(void)
{
	static char name[5000];
	const char *text;
	size_t length;

	memset(name, 'x', sizeof(name) - 1);
	ok(policy_load(name, &text, &length) == -ENAMETOOLONG, "the name of a preset is too long");
	name[0] = '/';
	ok(policy_load(name, &text, &length) == -ENAMETOOLONG, "a path is too long");
	no_memory = true;
	refuses("some", ENOMEM, "no memory");
	ok(!policy_words_at(policy_presets(), 0), "no memory for the list of presets");
	no_memory = false;
}

static void test_presets(void)
{
	struct policy_words presets;
	const char *text;
	size_t length;

	mkdir("presets", 0700);
	policy_file_init("presets", allocate);
	is_string(policy_words_at(policy_presets(), 0), "compositor",
		"those that are compiled in are always there");
	close(create("presets/beta", ""));
	close(create("presets/alpha", ""));
	close(create("presets/gamma", ""));
	close(create("presets/.hidden", ""));
	close(create("presets/alpha~", ""));
	close(create("presets/compositor", "*=abort"));
	presets = policy_presets();
	is_string(policy_words_at(presets, 0), "alpha", "presets are sorted");
	is_string(policy_words_at(presets, 1), "beta", "all are there");
	is_string(policy_words_at(presets, 2), "compositor", "one that is compiled in: once");
	is_string(policy_words_at(presets, 3), "container", "and the next");
	ok(policy_load("compositor", &text, &length) == 0 && length > 100,
		"a file does not change the one that is compiled in");
	ok(policy_load("alpha", &text, &length) == 0 && length == 0, "another is read from its file");
	policy_file_init("/nonexistent", allocate);
	is_string(policy_words_at(policy_presets(), 0), "compositor", "no directory of presets");
}

int main(void)
{
	int first, last;

	if (!mkdtemp(directory) || chdir(directory))
		return 99;
	first = dup(0);
	close(first);
	policy_file_init(directory, allocate);
	test_read();
	test_size();
	test_kinds();
	test_permission();
	test_names();
	test_presets();
	last = dup(0);
	ok(first == last, "no file is left open");
	if (chdir("/") == 0) {
		char command[64];

		snprintf(command, sizeof(command), "rm -rf %s", directory);
		last = system(command);
	}
	return tap_done();
}
