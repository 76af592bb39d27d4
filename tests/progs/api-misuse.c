/* SPDX-License-Identifier: MIT */
/*
 * api-misuse MODE...: the C API used wrongly, and where it is hard to use.
 *
 *   arguments  NULL, nothing, everything, owners that are none any more
 *   ranges     that overlap, are cut, end with their mapping, or were never mapped
 *   owners     more than fit, one after the other; what an old one's handle is worth
 *   event      sigbus_owner_fd(), and who else may have its number
 *   brackets   nested, crossed, left by siglongjmp(), ended twice, with more losses than a log holds
 *   answers    what a callback may return
 *   fork       owners, brackets and descriptors in a child, and in one that shares the memory
 *   handler    all of it in a handler that interrupts all of it
 *   threads    all of it from several threads at once
 *   window     a range is added and removed while its pages fault: with a rule for each owner
 *   long       a range of terabytes
 *
 * Prints "MODE: ok", or what is wrong.
 */
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define PAGES 16
#define SIZE (PAGES * PAGE)

#define expect(condition)                                                      \
	do {                                                                   \
		if (!(condition)) {                                            \
			printf("line %d: not so: %s\n", __LINE__, #condition); \
			exit(1);                                               \
		}                                                              \
	} while (0)

struct file {
	int fd;
	char *map;
};

static struct file make_file(void)
{
	struct file file = {.fd = memfd_create("misused", MFD_CLOEXEC)};

	expect(ftruncate(file.fd, SIZE) == 0);
	file.map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	expect(file.map != MAP_FAILED);
	memset(file.map, 'f', SIZE);
	return file;
}

static void lose(const struct file *file)
{
	expect(ftruncate(file->fd, 0) == 0);
}

static void drop(const struct file *file)
{
	munmap(file->map, SIZE);
	close(file->fd);
}

static int read_byte(const char *address)
{
	return *(const volatile unsigned char *)address;
}

/* data: the answer. */
static int answer(const struct sigbus_fault *fault, void *data)
{
	(void)fault;
	return (int)(intptr_t)data;
}

static struct sigbus_owner *make_owner(int what)
{
	struct sigbus_owner *owner;

	expect(sigbus_owner_create("misuse", answer, (void *)(intptr_t)what, &owner) == 0);
	return owner;
}

/* ---- arguments ---- */

static void arguments(void)
{
	struct file file = make_file();
	char name[65] = "";
	struct sigbus_owner *owner = NULL, *none = (struct sigbus_owner *)file.map;
	struct sigbus_access access;

	expect(sigbus_active() == 1);
	expect(sigbus_owner_create(NULL, answer, NULL, &owner) == -EINVAL);
	expect(sigbus_owner_create("", answer, NULL, &owner) == -EINVAL);
	expect(sigbus_owner_create("x", answer, NULL, NULL) == -EINVAL);
	memset(name, 'n', 64);
	expect(sigbus_owner_create(name, answer, NULL, &owner) == -EINVAL && !owner);
	name[63] = '\0';
	expect(sigbus_owner_create(name, NULL, NULL, &owner) == 0);
	expect(sigbus_range_add(NULL, file.map, SIZE) == -EINVAL);
	expect(sigbus_range_add(none, file.map, SIZE) == -EINVAL);
	expect(sigbus_range_add((struct sigbus_owner *)-1, file.map, SIZE) == -EINVAL);
	expect(sigbus_range_add(owner, NULL, SIZE) == -EINVAL);
	expect(sigbus_range_add(owner, file.map, 0) == -EINVAL);
	expect(sigbus_range_add(owner, file.map, SIZE_MAX) == -EINVAL);
	expect(sigbus_range_add(owner, file.map, (size_t)1 << 46) == -EINVAL);
	expect(sigbus_range_add(owner, (void *)-4096, 4096) == -EINVAL);
	expect(sigbus_range_add(owner, (void *)((uintptr_t)1 << 60), 4096) == -EINVAL);
	expect(sigbus_range_remove(none, file.map, SIZE) == -EINVAL);
	expect(sigbus_range_remove(owner, NULL, SIZE) == -EINVAL);
	expect(sigbus_range_remove(owner, file.map, SIZE_MAX) == -EINVAL);
	expect(sigbus_range_remove(owner, file.map, SIZE) == -ENOENT);
	expect(sigbus_owner_fd(NULL) == -EINVAL && sigbus_owner_fd(none) == -EINVAL);
	expect(sigbus_range_lost(NULL, 1) == -EINVAL && sigbus_range_lost(file.map, 0) == -EINVAL);
	expect(sigbus_range_lost(file.map, SIZE_MAX) == -EINVAL);
	expect(sigbus_range_restore(NULL, 1) == -EINVAL);
	expect(sigbus_range_restore(file.map, SIZE_MAX) == -EINVAL);
	expect(sigbus_range_restore(file.map, SIZE) == -ENOENT);
	expect(sigbus_access_begin(NULL, file.map, SIZE) == -EINVAL);
	expect(sigbus_access_begin(&access, NULL, SIZE) == -EINVAL);
	expect(sigbus_access_begin(&access, file.map, 0) == -EINVAL);
	expect(sigbus_access_begin(&access, file.map, SIZE_MAX) == -EINVAL);
	memset(&access, 0, sizeof(access));
	expect(sigbus_access_end(NULL) == -EINVAL && sigbus_access_end(&access) == -EINVAL);
	expect(sigbus_owner_destroy(NULL) == -EINVAL && sigbus_owner_destroy(none) == -EINVAL);
	errno = 77;
	expect(sigbus_owner_destroy(owner) == 0);
	expect(sigbus_owner_destroy(owner) == -EINVAL);
	expect(sigbus_range_add(owner, file.map, SIZE) == -EINVAL);
	expect(sigbus_range_remove(owner, file.map, SIZE) == -EINVAL);
	expect(sigbus_owner_fd(owner) == -EINVAL);
	expect(errno == 77);
	drop(&file);
}

/* ---- ranges ---- */

static void ranges(void)
{
	struct sigbus_owner *zero = make_owner(SIGBUS_ZERO), *ones = make_owner(SIGBUS_ONES);
	struct file file = make_file(), other = make_file();
	char *far = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(sigbus_range_add(zero, file.map + 4 * PAGE + 7, 4 * PAGE - 20) == 0); /* 4 to 7 */
	expect(sigbus_range_add(ones, file.map, SIZE) == -EEXIST);
	expect(sigbus_range_add(zero, file.map + 7 * PAGE, 1) == -EEXIST);
	expect(sigbus_range_add(ones, file.map + 8 * PAGE, 8 * PAGE) == 0);
	expect(sigbus_range_add(ones, file.map, 4 * PAGE) == 0);
	expect(sigbus_range_remove(zero, file.map, 4 * PAGE) == -ENOENT);
	expect(sigbus_range_remove(zero, file.map, SIZE) == 0); /* those of zero alone */
	expect(sigbus_range_remove(zero, file.map, SIZE) == -ENOENT);
	expect(sigbus_range_add(zero, file.map + 4 * PAGE, 4 * PAGE) == 0);
	lose(&file);
	expect(read_byte(file.map + 9) == 0xff && read_byte(file.map + 5 * PAGE) == 0);
	expect(read_byte(file.map + 15 * PAGE) == 0xff);
	expect(sigbus_range_lost(file.map, SIZE) == PAGES);
	expect(sigbus_range_lost(file.map + 4 * PAGE, 1) == 1);
	/* A mapping in its place ends it; mremap() takes it along. */
	expect(sigbus_range_add(zero, other.map, SIZE) == 0);
	expect(mmap(other.map, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, other.fd,
		       0) == other.map);
	expect(sigbus_range_add(ones, other.map, 2 * PAGE) == 0);
	expect(mremap(other.map, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, far) == far);
	lose(&other);
	expect(read_byte(far) == 0xff && read_byte(other.map + 3 * PAGE) == 0);
	expect(sigbus_range_add(zero, other.map, 2 * PAGE) == 0); /* nothing is mapped there */
	expect(sigbus_range_remove(zero, other.map, 2 * PAGE) == 0);
	munmap(other.map + 2 * PAGE, SIZE - 2 * PAGE);
	expect(sigbus_range_remove(zero, other.map, SIZE) == -ENOENT);
	/* On the stack, which no hook has seen. */
	expect(sigbus_range_add(zero, &file, sizeof(file)) == 0);
	expect(sigbus_owner_destroy(zero) == 0 && sigbus_owner_destroy(ones) == 0);
	drop(&file);
	munmap(far, SIZE);
	close(other.fd);
}

/* ---- owners ---- */

/* With no number left for it, the object is nobody; what it installs is the action all the same. */
static void install_from_new_object(void)
{
	void *object = dlopen("libm.so.6", RTLD_NOW);
	sighandler_t function = (sighandler_t)(uintptr_t)(object ? dlsym(object, "cos") : NULL);
	sighandler_t before = signal(SIGBUS, function ? function : SIG_IGN);

	expect(signal(SIGBUS, before) == (function ? function : SIG_IGN));
}

static void owners(void)
{
	static struct sigbus_owner *many[5000];
	struct sigbus_owner *first = make_owner(SIGBUS_ZERO), *again;
	struct file file = make_file();
	int count, error;

	expect(sigbus_owner_destroy(first) == 0);
	for (int i = 0; i < 20000; i++) {
		again = make_owner(SIGBUS_ONES);
		expect(again != first && sigbus_range_add(first, file.map, SIZE) == -EINVAL);
		expect(sigbus_range_add(again, file.map, SIZE) == 0);
		expect(sigbus_owner_destroy(again) == 0);
	}
	for (count = 0; (error = sigbus_owner_create("m", answer, NULL, &many[count])) == 0;
		count++)
		expect(count < 4999);
	expect(error == -ENOSPC && count > 4000);
	install_from_new_object();
	for (int i = 0; i < count; i++)
		expect(sigbus_owner_destroy(many[i]) == 0);
	again = make_owner(SIGBUS_ONES);
	expect(sigbus_range_add(again, file.map, SIZE) == 0);
	lose(&file);
	expect(read_byte(file.map) == 0xff);
	expect(sigbus_owner_destroy(again) == 0);
	drop(&file);
}

/* ---- the descriptor ---- */

static int is_signalled(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

static uint64_t take(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void event(void)
{
	struct sigbus_owner *owner = make_owner(SIGBUS_ZERO), *other = make_owner(SIGBUS_ZERO);
	struct file file = make_file(), victim;
	int fd = sigbus_owner_fd(owner), plain;
	char content[8];

	expect(fd >= 0 && sigbus_owner_fd(owner) == fd && sigbus_owner_fd(other) != fd);
	expect(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
	expect(sigbus_range_add(owner, file.map, SIZE / 2) == 0);
	expect(sigbus_range_add(other, file.map + SIZE / 2, SIZE / 2) == 0);
	lose(&file);
	expect(!is_signalled(fd));
	expect(read_byte(file.map + SIZE / 2) == 0);
	expect(!is_signalled(fd) && take(sigbus_owner_fd(other)) == 1);
	expect(read_byte(file.map) == 0);
	expect(take(fd) == 1 && !is_signalled(fd));
	drop(&file);
	/* A copy that finds a page lost tells the owner too. */
	file = make_file();
	expect(sigbus_range_add(owner, file.map, SIZE) == 0);
	lose(&file);
	expect(sigbus_copy_from(content, file.map, 8, NULL) == -EFAULT && take(fd) == 1);
	/* Closed behind our back; now a file and an eventfd of the program have the number. */
	victim = make_file();
	expect(dup2(victim.fd, fd) == fd && lseek(fd, 0, SEEK_SET) == 0);
	expect(read_byte(file.map) == 0);
	expect(pread(victim.fd, content, 8, 0) == 8 && !memcmp(content, "ffffffff", 8));
	drop(&file);
	file = make_file();
	expect(sigbus_range_add(owner, file.map, SIZE) == 0);
	plain = eventfd(0, EFD_NONBLOCK);
	expect(dup2(plain, fd) == fd);
	lose(&file);
	expect(read_byte(file.map) == 0 && !is_signalled(plain));
	expect(sigbus_owner_fd(owner) != fd);
	/* The number of a descriptor that was closed is another owner's now. */
	close(sigbus_owner_fd(owner));
	expect(sigbus_owner_destroy(other) == 0);
	other = make_owner(SIGBUS_ZERO);
	fd = sigbus_owner_fd(other);
	expect(sigbus_copy_from(content, file.map + 8 * PAGE, 1, NULL) == 0 && !is_signalled(fd));
	expect(sigbus_owner_destroy(other) == 0 && fcntl(fd, F_GETFD) < 0);
	/* closefrom() */
	fd = sigbus_owner_fd(owner);
	expect(close_range((unsigned)fd, ~0u, 0) == 0);
	expect(sigbus_owner_fd(owner) >= 0 && fcntl(sigbus_owner_fd(owner), F_GETFD) == FD_CLOEXEC);
	expect(sigbus_owner_destroy(owner) == 0);
	munmap(file.map, SIZE);
	munmap(victim.map, SIZE);
}

/* ---- brackets ---- */

static sigjmp_buf environment;

static int jump_away(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	siglongjmp(environment, 1);
}

static void access_and_jump(char *map, struct sigbus_access *access)
{
	if (sigsetjmp(environment, 1) == 0) {
		expect(sigbus_access_begin(access, map, SIZE) == 0);
		read_byte(map + PAGE);
		expect(!"got there");
	}
}

static void brackets(void)
{
	struct sigbus_owner *zero = make_owner(SIGBUS_ZERO), *jumping;
	struct file file = make_file(), other = make_file();
	struct sigbus_access outer, inner, elsewhere, open;

	expect(sigbus_range_add(zero, file.map, SIZE) == 0);
	expect(sigbus_access_begin(&outer, file.map, SIZE) == 0);
	expect(sigbus_access_begin(&elsewhere, other.map, SIZE) == 0);
	expect(sigbus_access_begin(&inner, file.map + 5, 10) == 0);
	expect(read_byte(file.map) == 'f' && sigbus_access_end(&inner) == 0);
	expect(sigbus_access_end(&inner) == -EINVAL);
	expect(sigbus_access_begin(&inner, file.map, PAGE) == 0);
	lose(&file);
	expect(sigbus_access_end(&inner) == 0); /* lost, but nobody has looked */
	expect(sigbus_access_begin(&inner, file.map + 3 * PAGE - 1, 2) == 0);
	expect(read_byte(file.map + 3 * PAGE) == 0);
	/* In any order. All neighbours were replaced at once. */
	expect(sigbus_access_end(&outer) == -EFAULT && sigbus_access_end(&inner) == -EFAULT);
	expect(sigbus_access_end(&elsewhere) == 0);
	/* What is read now is a replacement too. */
	expect(sigbus_access_begin(&inner, file.map, 1) == 0 &&
		sigbus_access_end(&inner) == -EFAULT);
	expect(ftruncate(file.fd, SIZE) == 0 && sigbus_range_restore(file.map, SIZE) == 1);
	expect(sigbus_access_begin(&inner, file.map, SIZE) == 0);
	expect(read_byte(file.map) == 0 && sigbus_access_end(&inner) == 0);
	/* Left by siglongjmp(): nothing sticks, and the loss is known. */
	expect(sigbus_owner_create("jumping", jump_away, NULL, &jumping) == 0);
	expect(sigbus_range_add(jumping, other.map, SIZE) == 0);
	lose(&other);
	expect(sigbus_access_begin(&outer, other.map, SIZE) == 0);
	access_and_jump(other.map, &inner);
	expect(sigbus_access_end(&outer) == -EFAULT);
	/* A copy is an access. */
	expect(sigbus_access_begin(&outer, other.map, SIZE) == 0);
	expect(sigbus_access_begin(&inner, other.map, PAGE) == 0);
	expect(sigbus_copy_from(&open, other.map + 2 * PAGE, 8, NULL) == -EFAULT);
	expect(sigbus_access_end(&outer) == -EFAULT && sigbus_access_end(&inner) == 0);
	/* More losses than the log holds. */
	lose(&file);
	expect(sigbus_access_begin(&outer, file.map, SIZE) == 0);
	expect(sigbus_access_begin(&elsewhere, &open, sizeof(open)) == 0);
	expect(sigbus_copy_from(&inner, file.map, 8, NULL) == -EFAULT);
	for (int i = 0; i < 3000; i++)
		expect(sigbus_copy_from(&open, other.map, 8, NULL) == -EFAULT);
	expect(sigbus_access_end(&outer) == -EFAULT && sigbus_access_end(&elsewhere) == 0);
	expect(sigbus_owner_destroy(zero) == 0 && sigbus_owner_destroy(jumping) == 0);
	drop(&file);
	drop(&other);
}

/* ---- answers ---- */

static int add_in_callback(const struct sigbus_fault *fault, void *data)
{
	struct sigbus_access access;
	char byte;

	expect(fault->size == sizeof(*fault) && fault->length == SIZE);
	expect(sigbus_access_begin(&access, fault->start, fault->length) == 0);
	expect(sigbus_copy_from(&byte, fault->address, 1, NULL) == -EFAULT);
	expect(sigbus_access_end(&access) == -EFAULT);
	expect(sigbus_owner_fd(*(struct sigbus_owner **)data) >= 0);
	expect(sigbus_range_remove(*(struct sigbus_owner **)data, fault->start, SIZE) == 0);
	expect(sigbus_range_add(*(struct sigbus_owner **)data, fault->start, SIZE) == 0);
	return SIGBUS_ONES;
}

static int raise_in_callback(const struct sigbus_fault *fault, void *data)
{
	(void)fault, (void)data;
	raise(SIGBUS);
	return SIGBUS_ZERO;
}

static int mend_in_callback(const struct sigbus_fault *fault, void *data)
{
	(void)data;
	mmap(fault->start, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return SIGBUS_RETRY;
}

static int status_with(struct sigbus_owner *owner)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct file file = make_file();

		expect(sigbus_range_add(owner, file.map, SIZE) == 0);
		lose(&file);
		_exit(read_byte(file.map));
	}
	expect(waitpid(child, &status, 0) == child);
	expect(sigbus_owner_destroy(owner) == 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int status_of(int what)
{
	return status_with(make_owner(what));
}

static void answers(void)
{
	struct file file = make_file();
	struct sigbus_owner *owner;

	expect(status_of(SIGBUS_ZERO) == 0 && status_of(SIGBUS_ONES) == 0xff);
	expect(status_of(SIGBUS_DECLINE) == -SIGBUS && status_of(-77) == -SIGBUS);
	expect(status_of(SIGBUS_RETRY) == -SIGBUS && status_of(3) == -SIGBUS);
	/* A SIGBUS that is raised in it is a no, whatever it returns. */
	expect(sigbus_owner_create("raise", raise_in_callback, NULL, &owner) == 0);
	expect(status_with(owner) == -SIGBUS);
	expect(sigbus_owner_create("mend", mend_in_callback, NULL, &owner) == 0);
	expect(status_with(owner) == 0);
	expect(sigbus_owner_create("busy", add_in_callback, &owner, &owner) == 0);
	expect(sigbus_range_add(owner, file.map, SIZE) == 0);
	lose(&file);
	expect(read_byte(file.map + 3 * PAGE) == 0xff);
	expect(sigbus_owner_destroy(owner) == 0);
	drop(&file);
}

/* ---- fork ---- */

static void in_child(
	struct sigbus_owner *owner, struct file *file, struct sigbus_access *access, int fd)
{
	int own;

	lose(file);
	expect(read_byte(file->map) == 0xff);
	expect(!is_signalled(fd)); /* it is the parent's */
	expect(sigbus_access_end(access) == -EFAULT);
	own = sigbus_owner_fd(owner);
	expect(own >= 0 && own != fd);
	expect(sigbus_copy_from(access, file->map + 1, 1, NULL) == 0);
	expect(sigbus_owner_destroy(owner) == 0);
	expect(fcntl(own, F_GETFD) < 0 && fcntl(fd, F_GETFD) >= 0);
}

/* All that would change the parent's owners and ranges is refused. */
static void in_borrowed_child(struct sigbus_owner *owner, char *map)
{
	struct sigbus_owner *made = NULL;
	pid_t child = vfork();
	int status;

	if (child == 0)
		_exit(sigbus_owner_create("vfork", answer, NULL, &made) != -EPERM || made ||
		      sigbus_owner_fd(owner) != -EPERM ||
		      sigbus_range_add(owner, map, PAGE) != -EPERM ||
		      sigbus_range_remove(owner, map, PAGE) != -EPERM ||
		      sigbus_range_restore(map, PAGE) != -EPERM ||
		      sigbus_owner_destroy(owner) != -EPERM);
	expect(waitpid(child, &status, 0) == child && status == 0);
}

static void forks(void)
{
	struct sigbus_owner *owner = make_owner(SIGBUS_ONES);
	struct file file = make_file();
	int fd = sigbus_owner_fd(owner), status;
	struct sigbus_access access;
	pid_t child;

	expect(sigbus_range_add(owner, file.map, SIZE) == 0);
	expect(sigbus_access_begin(&access, file.map, SIZE) == 0);
	child = fork();
	if (child == 0) {
		in_child(owner, &file, &access, fd);
		_exit(0);
	}
	expect(waitpid(child, &status, 0) == child && status == 0);
	expect(sigbus_access_end(&access) == 0 && !is_signalled(fd));
	in_borrowed_child(owner, file.map);
	expect(read_byte(file.map) == 0xff && take(fd) == 1);
	expect(sigbus_owner_destroy(owner) == 0);
	drop(&file);
}

/* ---- all of it, again and again ---- */

struct worker {
	struct sigbus_owner *owner;
	char *map; /* lost */
	struct file file;
};

static void work(struct worker *worker)
{
	struct sigbus_access access;
	size_t copied;
	char bytes[64];

	expect(sigbus_access_begin(&access, worker->map, SIZE) == 0);
	expect(sigbus_range_add(worker->owner, worker->map, SIZE) == 0);
	expect(sigbus_range_add(worker->owner, worker->map + PAGE, 1) == -EEXIST);
	expect(sigbus_copy_from(bytes, worker->map, 64, &copied) == -EFAULT && copied == 0);
	expect(sigbus_access_end(&access) == -EFAULT);
	expect(sigbus_range_lost(worker->map, SIZE) == 0);
	expect(take(sigbus_owner_fd(worker->owner)) == 1);
	expect(sigbus_range_remove(worker->owner, worker->map + PAGE, SIZE - PAGE) == 0);
	expect(sigbus_range_remove(worker->owner, worker->map, SIZE) == 0);
}

static void start(struct worker *worker)
{
	worker->file = make_file();
	worker->map = worker->file.map;
	lose(&worker->file);
	worker->owner = make_owner(SIGBUS_DECLINE);
	expect(sigbus_owner_fd(worker->owner) >= 0);
}

static struct worker interrupting;
static volatile sig_atomic_t interruptions;

static void on_alarm(int signal)
{
	(void)signal;
	work(&interrupting);
	interruptions++;
}

static void handler(void)
{
	struct itimerval once = {.it_value.tv_usec = 100};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct worker worker;

	start(&worker);
	start(&interrupting);
	sigfillset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 2000 || interruptions < 50; i++) {
		struct sigbus_owner *other = make_owner(SIGBUS_ZERO);

		setitimer(ITIMER_REAL, &once, NULL); /* at most one signal a round */
		work(&worker);
		expect(sigbus_owner_destroy(other) == 0);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

static void *work_often(void *unused)
{
	struct worker worker;

	(void)unused;
	for (int i = 0; i < 20; i++) {
		start(&worker);
		for (int j = 0; j < 50; j++)
			work(&worker);
		expect(sigbus_range_add(worker.owner, worker.map, SIZE) == 0);
		expect(sigbus_owner_destroy(worker.owner) == 0);
		expect(sigbus_range_add(worker.owner, worker.map, SIZE) == -EINVAL);
		drop(&worker.file);
	}
	return NULL;
}

/*
 * One range that many add and remove at once: one succeeds at a time, and finds what it added. Each
 * page is a mapping of its own, so that it takes a while to look at all of them.
 */
#define PIECES 64
static char *contended;
static atomic_int holders;

static void map_contended(void)
{
	int fd = memfd_create("misused", MFD_CLOEXEC);

	expect(ftruncate(fd, PIECES * PAGE) == 0);
	contended = mmap(NULL, PIECES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	for (int i = PIECES - 1; i >= 0; i--) {
		char *piece = contended + i * PAGE;

		expect(mmap(piece, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, i * PAGE) == piece);
	}
	close(fd);
}

static void *contend(void *unused)
{
	struct sigbus_owner *owner = make_owner(SIGBUS_ZERO);

	(void)unused;
	for (int i = 0; i < 500; i++) {
		int error = sigbus_range_add(owner, contended, PIECES * PAGE);

		expect(error == 0 || error == -EEXIST);
		if (error)
			continue;
		expect(atomic_fetch_add(&holders, 1) == 0);
		atomic_fetch_sub(&holders, 1);
		expect(sigbus_range_remove(owner, contended, PIECES * PAGE) == 0);
	}
	expect(sigbus_owner_destroy(owner) == 0);
	return NULL;
}

/* Meanwhile others go on. */
static void *touch(void *unused)
{
	struct file file = make_file();
	struct sigbus_owner *owner, *other = make_owner(SIGBUS_ZERO);

	(void)unused;
	expect(sigbus_owner_create("touched", answer, (void *)SIGBUS_ZERO, &owner) == 0);
	for (int i = 0; i < 200; i++) {
		expect(sigbus_range_add(owner, file.map, PAGE) == 0);
		expect(sigbus_range_add(other, file.map + PAGE, PAGE) == 0);
		expect(ftruncate(file.fd, 0) == 0);
		expect(read_byte(file.map) == 0 && read_byte(file.map + PAGE) == 0);
		expect(ftruncate(file.fd, SIZE) == 0);
		expect(mmap(file.map, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, file.fd, 0) ==
			file.map);
	}
	expect(sigbus_owner_destroy(owner) == 0 && sigbus_owner_destroy(other) == 0);
	drop(&file);
	return NULL;
}

static void run_threads(void *(*one)(void *), void *(*other)(void *))
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		expect(pthread_create(&thread[i], NULL, i % 2 ? one : other, NULL) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
}

static void threads(void)
{
	run_threads(work_often, work_often);
	map_contended();
	run_threads(contend, touch);
	munmap(contended, PIECES * PAGE);
}

/* ---- window ---- */

#define MANY ((size_t)4096)

static char *wide;
static atomic_int touched;

static void *touch_all(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < MANY; i++)
		expect(read_byte(wide + i * PAGE) == 0);
	atomic_store(&touched, 1);
	return NULL;
}

static void window(void)
{
	struct sigbus_owner *owner = make_owner(SIGBUS_DECLINE);
	int fd = memfd_create("wide", MFD_CLOEXEC);
	pthread_t thread;

	wide = mmap(NULL, MANY * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	expect(pthread_create(&thread, NULL, touch_all, NULL) == 0);
	while (!atomic_load(&touched)) {
		expect(sigbus_range_add(owner, wide, MANY * PAGE) == 0);
		expect(sigbus_range_remove(owner, wide, MANY * PAGE) == 0);
	}
	pthread_join(thread, NULL);
	expect(sigbus_range_lost(wide, MANY * PAGE) == (long)MANY);
	expect(sigbus_owner_destroy(owner) == 0);
}

/* ---- long ---- */

/* Longer than one record of the table can say, beside memory that no hook has seen. */
static void terabytes(void)
{
#if SIZE_MAX > 0xffffffff
	const size_t size = (size_t)3 << 40, behind = (size_t)1 << 40;
	struct sigbus_owner *owner = make_owner(SIGBUS_ONES), *other = make_owner(SIGBUS_ZERO);
	int fd = memfd_create("long", MFD_CLOEXEC);
	char *map = mmap(NULL, size + behind, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);

	expect(map != MAP_FAILED && ftruncate(fd, PAGE) == 0);
	expect(mmap(map, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == map);
	expect(sigbus_range_add(owner, map, size + behind) == 0);
	expect(sigbus_range_add(other, map + size + behind - 1, 1) == -EEXIST);
	expect(read_byte(map + PAGE) == 0xff && read_byte(map + size - 1) == 0xff);
	expect(sigbus_range_lost(map, size) >= 2);
	expect(sigbus_range_remove(owner, map, size + behind) == 0);
	expect(sigbus_range_remove(owner, map, size + behind) == -ENOENT);
	expect(sigbus_owner_destroy(owner) == 0 && sigbus_owner_destroy(other) == 0);
	munmap(map, size + behind);
	close(fd);
#endif
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"arguments", arguments}, {"ranges", ranges}, {"owners", owners},
		{"event", event}, {"brackets", brackets}, {"answers", answers}, {"fork", forks},
		{"handler", handler}, {"threads", threads}, {"window", window},
		{"long", terabytes}};

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 1; i < argc; i++)
		for (size_t mode = 0; mode < sizeof(modes) / sizeof(*modes); mode++)
			if (!strcmp(argv[i], modes[mode].name)) {
				modes[mode].run();
				printf("%s: ok\n", modes[mode].name);
			}
	return 0;
}
