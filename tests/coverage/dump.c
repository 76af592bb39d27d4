/* SPDX-License-Identifier: MIT */
/*
 * For the library that counts its own coverage alone: a process that is about to be killed by SIGBUS
 * writes its counters first. Nothing of it is async-signal-safe; it only has to work mostly.
 */
void __gcov_dump(void);
void __gcov_reset(void);
void __real_disposition_die(int signo);
void __wrap_disposition_die(int signo);

void __wrap_disposition_die(int signo)
{
	__real_disposition_die(signo);
	__gcov_dump();
	__gcov_reset(); /* should it not die after all */
}
