/* SPDX-License-Identifier: MIT */
/*
 * What may help, in one clause, and only where the facts of the report prove it. All [H].
 */
#include <string.h>
#include <sys/mman.h>
#include "base/base.h"
#include "base/text.h"
#include "kernel/process.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "report/formats.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/table.h"

static bool is_refused(const struct fault *fault)
{
	return fault->event == EVENT_REFUSED;
}

static bool reserves(const struct fault *fault)
{
	return fault->rule && policy_rule_has(fault->rule, ACTION_RESERVE);
}

static bool is_below(const char *path, const char *directory)
{
	size_t length = directory ? strlen(directory) : 0;

	return length && strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* A mapping that was refused may be larger than what is free; a page that was lost had no space. */
static void add_full(struct text *text, const struct fault *fault, const char *what)
{
	bool is_full = !is_refused(fault) || fault->page->loss.free_bytes < PAGE_SIZE;

	text_add(text, what);
	text_add(text, is_full ? " is full" : " has not so much space");
}

static const char *why_no_huge_page(const struct fault *fault)
{
	if (is_refused(fault))
		return "there are no huge pages for it: see /proc/sys/vm/nr_hugepages, and the limit "
		       "of its control group, hugetlb.*.max against hugetlb.*.current";
	if (fault->page->loss.huge == HUGE_LACK_LIMIT)
		return "the limit of the control group is reached, hugetlb.*.max against "
		       "hugetlb.*.current";
	return "the pool of huge pages is empty, see /proc/sys/vm/nr_hugepages";
}

static bool add_space(struct text *text, const struct fault *fault)
{
	const struct page_facts *page = fault->page;
	struct vma vma = page->vma;

	vma.path = page->path;
	if (!strcmp(vma_kind(&vma), "hugetlb")) {
		text_add(text, why_no_huge_page(fault));
		if (!reserves(fault))
			text_add(text, "; @hugetlb makes it an error of mmap()");
	} else if (is_below(page->path, "/dev/shm")) {
		add_full(text, fault, "/dev/shm");
		text_add(text, "; in a container: docker run --shm-size=SIZE, in Kubernetes an "
			       "emptyDir of medium Memory");
		if (!reserves(fault))
			text_add(text, "; @container makes it an error of mmap()");
	} else if (is_below(page->path, runtime_directory)) {
		add_full(text, fault, "XDG_RUNTIME_DIR");
		if (!reserves(fault))
			text_add(text, "; @container makes it an error of mmap()");
	} else if (page->path[0] == '/' && !vma.deleted) {
		add_full(text, fault, "the file system of this file");
	} else {
		return false;
	}
	return true;
}

/* Nobody truncates a program that runs: it was written anew, in place. */
static bool add_overwritten(struct text *text, const struct fault *fault)
{
	const struct page_facts *page = fault->page;
	struct vma vma = page->vma;

	vma.path = page->path;
	if (!page->known || page->loss.cause != CAUSE_TRUNCATED || !(vma.prot & PROT_EXEC) ||
		strcmp(vma_kind(&vma), "file") != 0)
		return false;
	text_add(text, "a program or library was overwritten in place while in use: replace it by "
		       "rename (install, mv)");
	return true;
}

/* The cause is not known; what can be seen there narrows it down. */
static bool add_unknown(struct text *text, const struct fault *fault)
{
	const struct loss *loss = &fault->page->loss;

	if (loss->cause != CAUSE_UNKNOWN)
		return false;
	if (!strcmp(loss->fs, "tmpfs") && loss->free_known && loss->free_bytes < PAGE_SIZE) {
		text_add(text, "its file system is full: there was no space, if the file was not "
			       "truncated");
		return true;
	}
	if (!strncmp(loss->fs, "fuse", 4) || !strncmp(loss->fs, "nfs", 3)) {
		text_add(text, "the file system is a server's, which may be gone or have another "
			       "size for the file than is remembered here");
		return true;
	}
	return false;
}

/* "reserve" acts when a file is mapped, and nobody saw that. */
static bool add_unseen(struct text *text, const struct fault *fault)
{
	if (is_refused(fault) || fault->range.range || !reserves(fault))
		return false;
	text_add(text, "reserve could not act: the mapping was made by a raw system call, as in Go "
		       "and Rust programs");
	return true;
}

static bool add_java(struct text *text, const struct fault *fault)
{
	const char *name;
	uintptr_t offset;

	if (!fault->handler || !object_at(fault->handler, &name, &offset) ||
		!text_starts(name, "libjvm.so"))
		return false;
	text_add(text, "where Java code was at a mapped file, the JVM makes an InternalError of it");
	return true;
}

bool fact_hint(struct text *text, const struct fault *fault)
{
	bool is_overwritten = add_overwritten(text, fault);

	if (is_overwritten && fault->refused)
		text_add(text, "; ");
	if (fault->refused)
		text_add(text, fault->refused);
	if (is_overwritten || fault->refused)
		return true;
	if (fault->page->no_descriptor)
		text_add(text, "no file descriptor is free, so its file and cause are not known, and no "
			       "rule that asks for them matches");
	if (!fault->page->known)
		return fault->page->no_descriptor;
	return add_unseen(text, fault) || add_java(text, fault) ||
	       (fault->page->loss.cause == CAUSE_NOSPACE && add_space(text, fault)) ||
	       add_unknown(text, fault);
}
