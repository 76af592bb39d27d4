/* SPDX-License-Identifier: MIT */
/* An empty preload: what start-up is compared with. */
void bench_empty(void);
void bench_empty(void)
{
}
