/* SPDX-License-Identifier: MIT */
/*
 * Which causes are still possible, and the smallest policy that answers the likeliest.
 *
 * A report of ours has proved its cause while the program stood still. A core says where the access
 * was, and nothing of the file but its name: what the file is now excludes causes only if it was not
 * changed since the core was written, and ranks them otherwise.
 */
#include "tools/explain/explain.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE_BYTES ((uint64_t)PAGE_SIZE)
#define HUGE_BYTES ((uint64_t)2 << 20)
#define CLOCK_SLACK 50000000 /* nanoseconds */
#define SPACE_LEAST 65536 /* with less a file system is full, as rules/cause.c has it */

enum why {
	WHY_TRUNCATED,
	WHY_OVERWRITTEN,
	WHY_SPACE,
	WHY_POOL,
	WHY_SERVER,
	WHY_DISK,
	WHY_DISK_GONE,
	WHY_DEVICE,
	WHY_POISON,
	WHY_COMMITMENT,
	WHY_UNKNOWN
};

/* ---- what the memory is ---- */

static bool starts(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static bool is_one_of(const char *word, const char *const list[])
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static bool is_served(const struct incident *incident)
{
	static const char *const served[] = {
		"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs", "lustre", NULL};

	return starts(incident->now.fs, "fuse") || is_one_of(incident->now.fs, served);
}

static bool is_in_memory(const struct incident *incident)
{
	static const char *const memory[] = {"tmpfs", "ramfs", "devtmpfs", NULL};

	return is_one_of(incident->now.fs, memory);
}

static bool is_huge(const struct incident *incident)
{
	return starts(incident->path, "/anon_hugepage") || !strcmp(incident->now.fs, "hugetlbfs");
}

/* It has no name in any directory. */
static bool is_nameless(const struct incident *incident)
{
	return starts(incident->path, "/memfd:") || starts(incident->path, "/SYSV") ||
	       starts(incident->path, "/dev/zero") || starts(incident->path, "/anon_hugepage") ||
	       incident->path[0] != '/';
}

static bool is_device(const struct incident *incident)
{
	if (incident->now.state == FILE_IS)
		return S_ISCHR(incident->now.mode) || S_ISBLK(incident->now.mode);
	return (starts(incident->path, "/dev/") && !starts(incident->path, "/dev/shm/")) ||
	       starts(incident->path, "/dmabuf:") || starts(incident->path, "anon_inode:");
}

static bool may_be_huge(const struct incident *incident)
{
	return incident->map_known && !(incident->map_start % HUGE_BYTES) &&
	       !(incident->map_end % HUGE_BYTES);
}

static bool is_executable(const struct incident *incident)
{
	return incident->prot[0] && incident->prot[2] == 'x';
}

static bool may_write(const struct incident *incident)
{
	return !incident->prot[0] || incident->prot[1] == 'w';
}

/* Zeroes, or space for all that its size promises, would be wrong there. */
static bool is_data_base(const char *path)
{
	static const char *const ends[] = {".db", ".mdb", ".ldb", ".tdb", ".sqlite", ".sqlite3",
		"-shm", "-wal", ".dbf", ".ibd", ".rocksdb", ".sst", NULL};
	size_t length = strlen(path);

	for (const char *const *end = ends; *end; end++)
		if (length > strlen(*end) && !strcmp(path + length - strlen(*end), *end))
			return true;
	return strstr(path, "/pgsql/") || strstr(path, "/postgresql/") || strstr(path, "/mysql/");
}

/* ---- what the file is now ---- */

static bool is_known_now(const struct incident *incident)
{
	return incident->now.state == FILE_IS && !incident->replaced;
}

static bool is_short(const struct incident *incident)
{
	if (!is_known_now(incident) || !S_ISREG(incident->now.mode))
		return false;
	if (!incident->offset_known)
		return incident->now.size + PAGE_BYTES <= incident->reach;
	return incident->now.size <= incident->offset / PAGE_BYTES * PAGE_BYTES;
}

/* Since before the fault: the kernel opens the core a moment after it. Its clock has ticks. */
static bool is_unchanged(const struct incident *incident)
{
	return is_known_now(incident) && incident->begun &&
	       incident->now.changed + CLOCK_SLACK < incident->begun;
}

static bool is_unchanged_since_core(const struct incident *incident)
{
	return is_known_now(incident) && incident->written &&
	       incident->now.changed <= incident->written;
}

static bool is_full(const struct incident *incident)
{
	return incident->now.space_known && incident->now.free_bytes < SPACE_LEAST;
}

/* ---- the causes ---- */

static void add_cause(struct incident *incident, const char *cause, char *text)
{
	if (incident->possible_count < POSSIBLE_MAX)
		incident->possible[incident->possible_count++] = (struct possible){cause, text};
}

#define POOL_OR_LIMIT \
	"the pool of huge pages was empty, or the control group at its limit (hugetlb.*.max)"

static char *pool_text(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned long pages;
	bool known = file && fscanf(file, "%lu", &pages) == 1;

	if (file)
		fclose(file);
	if (!known)
		return format(POOL_OR_LIMIT);
	return format(POOL_OR_LIMIT "; %lu of the usual size are free now", pages);
}

static char *space_text(const struct incident *incident)
{
	const struct file_now *now = &incident->now;
	const char *fs = now->fs[0] ? format("%s file system", now->fs) : "file system";

	if (!now->space_known)
		return format("no space was left on the %s", fs);
	if (is_full(incident))
		return format("no space was left on the %s, and there is none now (%" PRIu64
			      " bytes)",
			fs, now->free_bytes);
	return format("no space was left on the %s; %" PRIu64 " bytes are free now", fs,
		now->free_bytes);
}

static char *server_text(const struct incident *incident)
{
	if (incident->now.state == FILE_IS_UNREACHABLE)
		return format("the server of the %s file system does not answer, now either (%s)",
			incident->now.fs, strerror(incident->now.error));
	return format("the server of the %s file system did not answer, or what the kernel remembered of "
		      "the file was stale",
		incident->now.fs);
}

static void add_why(struct incident *incident, enum why why)
{
	switch (why) {
	case WHY_TRUNCATED:
		add_cause(incident, "truncated",
			format(is_short(incident) ? "the file was truncated"
						  : "the file was truncated at that time"));
		break;
	case WHY_OVERWRITTEN:
		add_cause(incident, "truncated",
			format("the file was overwritten in place while it was in use"));
		break;
	case WHY_SPACE:
		add_cause(incident, "nospace", space_text(incident));
		break;
	case WHY_POOL:
		add_cause(incident, "nospace", pool_text());
		break;
	case WHY_SERVER:
		add_cause(incident, "unknown", server_text(incident));
		break;
	case WHY_DISK:
		add_cause(incident, "unknown",
			format("the disk could not be read, or is gone (see the kernel's log)"));
		break;
	case WHY_DISK_GONE:
		add_cause(incident, "device", format("the disk that the file is on is gone"));
		break;
	case WHY_DEVICE:
		add_cause(incident, "device", format("the device does not provide this memory any more"));
		break;
	case WHY_POISON:
		add_cause(incident, "hwpoison", format("the memory itself is broken"));
		break;
	case WHY_COMMITMENT:
		add_cause(incident, "nospace",
			format("memory is counted strictly (vm.overcommit_memory), and the limit "
			       "was reached"));
		break;
	case WHY_UNKNOWN:
		add_cause(incident, "unknown", format("unknown"));
		break;
	}
}

static bool commitments_are_strict(void)
{
	FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
	int mode = 0;

	if (!file)
		return false;
	if (fscanf(file, "%d", &mode) != 1)
		mode = 0;
	fclose(file);
	return mode == 2;
}

/* Memory without a name: only its own size, or the lack of memory of its kind, can be meant. */
static void add_nameless(struct incident *incident)
{
	if (!incident->path[0] || starts(incident->path, "/dev/zero")) {
		if (commitments_are_strict())
			add_why(incident, WHY_COMMITMENT);
		if (may_be_huge(incident))
			add_why(incident, WHY_POOL);
		return;
	}
	if (starts(incident->path, "/memfd:"))
		add_why(incident, WHY_TRUNCATED);
	if (may_be_huge(incident))
		add_why(incident, WHY_POOL);
	if (commitments_are_strict())
		add_why(incident, WHY_COMMITMENT);
}

static void add_shortness(struct incident *incident)
{
	bool object = is_executable(incident) || incident->overwritten;

	add_why(incident, object ? WHY_OVERWRITTEN : WHY_TRUNCATED);
}

/* All its blocks exist, and these file systems write to them in place. */
static bool is_without_holes(const struct incident *incident)
{
	static const char *const in_place[] = {"tmpfs", "ext2", "ext3", "ext4", "xfs", "vfat", NULL};

	return is_known_now(incident) && is_one_of(incident->now.fs, in_place) &&
	       incident->now.allocated >= incident->now.size;
}

/* Reading a hole of a tmpfs needs space, too. */
static bool may_lack_space(const struct incident *incident)
{
	return is_in_memory(incident) || may_write(incident);
}

/*
 * What was made to be shared, written to, and is gone: who makes it removes its name when it fails, and
 * /dev/shm is small by default in containers. So space lacks there more often than anybody truncates.
 */
static bool was_shared_memory(const struct incident *incident)
{
	return incident->now.state == FILE_IS_GONE && starts(incident->path, "/dev/shm/") &&
	       may_write(incident);
}

/* Likeliest first: too short now; a library or a program; no space now; the rest. */
static void add_named(struct incident *incident)
{
	bool changed = !is_unchanged(incident), told = is_short(incident);
	bool space = may_lack_space(incident) && !is_served(incident) &&
		     !(is_without_holes(incident) && !changed);
	bool space_first = is_full(incident) || incident->now.state == FILE_IS ||
			   was_shared_memory(incident);

	if (incident->now.disk_gone) {
		add_why(incident, WHY_DISK_GONE);
		return;
	}
	if (told || (changed && (is_executable(incident) || incident->overwritten))) {
		add_shortness(incident);
		if (told && is_unchanged_since_core(incident))
			return;
		told = true;
	}
	if (is_served(incident))
		add_why(incident, WHY_SERVER);
	if (space && space_first)
		add_why(incident, WHY_SPACE);
	if (changed && !told)
		add_shortness(incident);
	if (space && !space_first)
		add_why(incident, WHY_SPACE);
	if (!is_in_memory(incident) && !is_served(incident))
		add_why(incident, WHY_DISK);
}

static void find_possible(struct incident *incident)
{
	if (is_device(incident)) {
		add_why(incident, WHY_DEVICE);
	} else if (is_huge(incident)) {
		add_why(incident, WHY_POOL);
		if (!is_nameless(incident) && !is_unchanged(incident))
			add_why(incident, WHY_TRUNCATED);
	} else if (is_nameless(incident)) {
		add_nameless(incident);
	} else {
		add_named(incident);
	}
	if (!incident->possible_count)
		add_why(incident, WHY_UNKNOWN);
}

/* ---- the policy ---- */

/* As a glob that matches this name: what can't be shown is any byte. */
static char *glob_of(const char *path)
{
	char *glob = malloc(2 * strlen(path) + 2), *to = glob;

	if (!glob)
		give_up(STATUS_NOTHING, "out of memory");
	/* A name that was too long begins with dots in a report. */
	if (starts(path, "...")) {
		*to++ = '*';
		path += 3;
	}
	for (; *path; path++) {
		if (*path == '\\' && path[1] == 'x' && path[2] && path[3]) {
			*to++ = '?';
			path += 3;
			continue;
		}
		if (strchr("\\,&=*?[", *path))
			*to++ = '\\';
		*to++ = *path;
	}
	if (to > glob && to[-1] == ' ')
		to[-1] = '?';
	*to = '\0';
	return glob;
}

static void answer(struct incident *incident, char *policy, char *warning)
{
	incident->policy = policy;
	incident->warning = warning;
}

static void answer_truncated(struct incident *incident)
{
	bool chosen_by_clients = starts(incident->path, "/memfd:") ||
				 starts(incident->path, "/dev/shm/") ||
				 starts(incident->path, "/run/user/");

	if (is_executable(incident) || incident->overwritten)
		answer(incident, NULL,
			"No policy answers it: code cannot be replaced by zeroes. Put a new file "
			"in the old one's place by renaming it (install, mv), not by writing into "
			"it (cp).");
	else if (is_data_base(incident->path))
		answer(incident, NULL,
			"No policy should answer it: zeroes instead of what a data base holds "
			"would destroy it. Find who truncated the file.");
	else if (is_served(incident))
		answer(incident, NULL,
			"No policy should answer it: zeroes could be written back to the server. "
			"What the kernel remembers of a file's size can be stale there.");
	else if (incident->serves_wayland && chosen_by_clients)
		answer(incident, "@compositor",
			"The window of the client that truncated its buffer shows black; "
			"everybody else goes on.");
	else
		answer(incident, format("path:%s=zero", glob_of(incident->path)),
			"The program then reads zero bytes where the file's were, and what it "
			"writes there is lost. Never for a file that must be right, such as a "
			"data base.");
}

static void answer_space(struct incident *incident)
{
	const char *glob = glob_of(incident->path);

	if (is_data_base(incident->path) || !is_in_memory(incident) || is_nameless(incident))
		answer(incident, format("path:%s&cause:nospace=wait(60)", glob),
			"The thread stands still, for at most 60 seconds, until there is space "
			"again.");
	else if (starts(incident->path, "/dev/shm/") || starts(incident->path, "/run/user/"))
		answer(incident, "@container",
			"mmap() then fails with ENOMEM, which the program must expect, and all "
			"the space that a file's size promises is taken at once. Or give it more: "
			"docker run --shm-size=SIZE.");
	else
		answer(incident, format("path:%s=reserve", glob),
			"mmap() then fails with ENOMEM, which the program must expect, and all "
			"the space that the file's size promises is taken at once.");
}

static void answer_huge(struct incident *incident)
{
	answer(incident, "@hugetlb",
		"mmap() then fails with ENOMEM, which the program must expect (many then take "
		"ordinary pages). Or make the pool larger: vm.nr_hugepages, hugetlb.*.max.");
}

static void answer_device(struct incident *incident)
{
	answer(incident, format("path:%s=ones", glob_of(incident->path)),
		"The program then reads 0xff bytes, as from a device that is gone, and what it "
		"writes is lost.");
}

static void find_policy(struct incident *incident, const char *cause)
{
	bool huge = is_huge(incident) || (may_be_huge(incident) && is_nameless(incident));

	if (!strcmp(cause, "truncated"))
		answer_truncated(incident);
	else if (!strcmp(cause, "nospace") && huge)
		answer_huge(incident);
	else if (!strcmp(cause, "nospace") && incident->path[0])
		answer_space(incident);
	else if (!strcmp(cause, "device") && is_device(incident))
		answer_device(incident);
	else if (!strcmp(cause, "device") && incident->path[0] == '/')
		answer(incident, format("path:%s&cause:device=ones", glob_of(incident->path)),
			"The program then reads 0xff bytes for what it had not read yet, and what "
			"it writes is lost. Never for a file that must be right.");
	else if (!strcmp(cause, "hwpoison"))
		answer(incident, NULL,
			"No policy should answer it: what was in that memory is lost. The "
			"kernel's log names the module that failed.");
	else if (is_served(incident))
		answer(incident, NULL,
			"No policy should answer it: zeroes could be written back to the server. "
			"Look after the server, or copy the file before it is used.");
	else
		answer(incident, NULL,
			"No policy can be named. Start the program with sigbus-run: the report "
			"of the next time proves the cause where that is possible.");
}

/* ---- all ---- */

static void look_at_file(struct incident *incident)
{
	const char *file = incident->file;

	if (is_nameless(incident) || !file[0])
		return;
	incident->now = file_now(file);
	incident->replaced = incident->now.state == FILE_IS && incident->written &&
			     incident->now.born > incident->written;
	/* It had no name any more: whatever has it now is another file. */
	incident->replaced |= incident->now.state == FILE_IS && incident->deleted;
}

static void look_at_writers(struct incident *incident)
{
	struct map map = {.inode = incident->now.inode,
		.major = incident->now.major,
		.minor = incident->now.minor,
		.path = incident->file};
	struct range_view range = {.map = &map};
	struct view view = {.range = &range, .range_count = 1};
	struct process none = {0};

	if (!is_known_now(incident) || !S_ISREG(incident->now.mode))
		return;
	look_at_users(&view, &none);
	for (size_t i = 0; i < view.user_count; i++) {
		const struct file_user *user = &view.user[i];

		if (!strchr(user->access, 'w') && !(user->prot[1] == 'w' && user->prot[3] == 's'))
			continue;
		incident->writer = grow(
			incident->writer, incident->writer_count, sizeof(*incident->writer));
		incident->writer[incident->writer_count++] = *user;
	}
}

void advise(struct incident *incident)
{
	if (incident->sent) {
		incident->warning = "No policy answers it: it was sent, and no memory is lost. Find "
				    "out why it is sent.";
		return;
	}
	if (incident->misaligned) {
		incident->warning = "No policy answers it: it is a mistake of the program, not of "
				    "its memory.";
		return;
	}
	if (!incident->addr_known && incident->from == FROM_CORE) {
		incident->warning = "The core does not say more: it has no note of the signal.";
		return;
	}
	look_at_file(incident);
	look_at_writers(incident);
	if (!strcmp(incident->event, "refused")) {
		incident->warning = "The rule did what it is for: mmap() failed instead of a SIGBUS "
				    "later. Make room on that file system (/dev/shm: docker run "
				    "--shm-size=SIZE), or leave the rule out.";
		return;
	}
	if (incident->cause && strcmp(incident->cause, "unknown") != 0) {
		find_policy(incident, incident->cause);
		return;
	}
	find_possible(incident);
	find_policy(incident, incident->possible[0].cause);
}
