/* SPDX-License-Identifier: MIT */
/* Gives every thread an alternate signal stack, as the run time of Rust programs does. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SIZE 32768

typedef int create_function(
	pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

struct start {
	void *(*routine)(void *);
	void *argument;
};

__attribute__((constructor)) static void take_stack(void)
{
	stack_t stack = {.ss_size = SIZE};

	stack.ss_sp = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0)
		abort();
}

static void *run(void *data)
{
	struct start start = *(struct start *)data;

	free(data);
	take_stack();
	return start.routine(start.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
	void *argument)
{
	create_function *next = (create_function *)dlsym(RTLD_NEXT, "pthread_create");
	struct start *start = malloc(sizeof(*start));

	if (!start)
		return 11; /* EAGAIN */
	*start = (struct start){routine, argument};
	return next(thread, attributes, run, start);
}
