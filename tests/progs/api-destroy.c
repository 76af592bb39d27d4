/* SPDX-License-Identifier: MIT */
/*
 * api-destroy: owners that are destroyed while faults in their ranges are being answered. Wants the
 * policy *=wait(1)|owner|zero: between finding the range and asking its owner there is a second.
 * Prints a line for each thing that is not as it should be, then "done".
 */
#define SIGBUS_OPTIONAL
#include <sigbus/sigbus.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPECT(that) ((that) ? (void)0 : (void)printf("not so: %s\n", #that))

static const size_t page_size = 4096;
static struct sigbus_owner *first, *second;
static atomic_int calls_of_first, calls_of_second, toucher, in_callback, destroying, ended;

static char *lost_page(void)
{
	int fd = memfd_create("lost", MFD_CLOEXEC);
	char *page = MAP_FAILED;

	if (ftruncate(fd, (off_t)page_size) == 0)
		page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || ftruncate(fd, 0) < 0)
		exit(99);
	close(fd);
	return page;
}

static int count(const struct sigbus_fault *fault, void *calls)
{
	(void)fault;
	atomic_fetch_add((atomic_int *)calls, 1);
	return SIGBUS_ZERO;
}

static void *touch(void *page)
{
	atomic_store(&toucher, (int)gettid());
	return (void *)(long)*(volatile char *)page;
}

/* It has nothing to sleep for but the page. */
static int is_waiting(int thread)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}

/* While a thread waits for the page, its owner goes and another one gets the entry. */
static void test_entry_used_again(void)
{
	char *page = lost_page();
	pthread_t thread;

	EXPECT(sigbus_owner_create("first", count, &calls_of_first, &first) == 0);
	EXPECT(sigbus_range_add(first, page, page_size) == 0);
	pthread_create(&thread, NULL, touch, page);
	while (!atomic_load(&toucher) || !is_waiting(atomic_load(&toucher)))
		usleep(1000);
	EXPECT(sigbus_owner_destroy(first) == 0);
	EXPECT(sigbus_owner_create("second", count, &calls_of_second, &second) == 0);
	pthread_join(thread, NULL);
	EXPECT(atomic_load(&calls_of_first) == 0);
	EXPECT(atomic_load(&calls_of_second) == 0);
	EXPECT(sigbus_owner_destroy(second) == 0);
	munmap(page, page_size);
}

static int wait_for_destroyer(const struct sigbus_fault *fault, void *unused)
{
	(void)fault, (void)unused;
	atomic_store(&in_callback, 1);
	while (!atomic_load(&destroying))
		usleep(1000);
	usleep(50000);
	atomic_store(&ended, 1);
	return SIGBUS_ZERO;
}

static void test_running(void)
{
	char *page = lost_page();
	pthread_t thread;

	EXPECT(sigbus_owner_create("running", wait_for_destroyer, NULL, &first) == 0);
	EXPECT(sigbus_range_add(first, page, page_size) == 0);
	pthread_create(&thread, NULL, touch, page);
	while (!atomic_load(&in_callback))
		usleep(1000);
	atomic_store(&destroying, 1);
	EXPECT(sigbus_owner_destroy(first) == 0);
	EXPECT(atomic_load(&ended) == 1);
	pthread_join(thread, NULL);
	munmap(page, page_size);
}

static int destroy_self(const struct sigbus_fault *fault, void *calls)
{
	(void)fault;
	atomic_fetch_add((atomic_int *)calls, 1);
	EXPECT(sigbus_owner_destroy(first) == 0);
	return SIGBUS_ZERO;
}

static void test_from_inside(void)
{
	char *page = lost_page();
	atomic_int calls = 0;

	EXPECT(sigbus_owner_create("inside", destroy_self, &calls, &first) == 0);
	EXPECT(sigbus_range_add(first, page, page_size) == 0);
	EXPECT(*(volatile char *)page == 0);
	EXPECT(calls == 1);
	EXPECT(sigbus_owner_destroy(first) < 0);
	munmap(page, page_size);
}

static sigjmp_buf out;

static int leave(const struct sigbus_fault *fault, void *unused)
{
	(void)fault, (void)unused;
	siglongjmp(out, 1);
}

static void read_and_leave(const volatile char *page)
{
	if (sigsetjmp(out, 1) == 0)
		EXPECT(*page == 1); /* never comes here */
}

/* Callbacks that never came back hold nobody up for ever: a second, once. */
static void test_left(void)
{
	for (int i = 0; i < 3; i++) {
		char *page = lost_page();

		EXPECT(sigbus_owner_create("left", leave, NULL, &first) == 0);
		EXPECT(sigbus_range_add(first, page, page_size) == 0);
		read_and_leave(page);
		EXPECT(sigbus_owner_destroy(first) == 0);
		munmap(page, page_size);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	test_entry_used_again();
	test_running();
	test_from_inside();
	test_left();
	puts("done");
	return 0;
}
