/* SPDX-License-Identifier: MIT */
#include "fault/refusal.h"

#include <errno.h>
#include "base/syscall.h"
#include "base/text.h"
#include "kernel/mask.h"
#include "kernel/process.h"
#include "kernel/scratch.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "report/report.h"
#include "rules/fault.h"
#include "signal/disposition.h"

#define ALWAYS_TOLD 10

/* As of faults: then only those whose number is a power of two. */
static bool is_due(uint64_t count)
{
	return count <= ALWAYS_TOLD || (count & (count - 1)) == 0;
}

static bool count_refusal(const struct refusal *refusal)
{
	uint64_t count = 1 + atomic_fetch_add(&counters()->refused, 1);

	if (refusal->rule)
		atomic_fetch_add(&((struct rule *)refusal->rule)->hits, 1);
	if (refusal->rule && refusal->rule->quiet)
		return false;
	if (!is_due(count)) {
		counter_add(&counters()->refused_untold, 1);
		return false;
	}
	return out_wanted();
}

/* page->vma and its path, in the buffer, are known, or not. */
static void tell(const struct refusal *refusal, struct page_facts *page, struct scratch *scratch)
{
	static const siginfo_t none = {0};
	struct fault fault = {.event = EVENT_REFUSED,
		.info = (siginfo_t *)&none,
		.page = page,
		.rule = refusal->rule,
		.outcome = OUTCOME_RESERVE,
		.owner = refusal->owner,
		.caller = refusal->caller,
		.wanted = refusal->wanted,
		.refused = refusal->why};

	page->asked = true;
	page->loss.cause = refusal->why ? CAUSE_UNKNOWN : CAUSE_NOSPACE;
	page->loss.free_known = refusal->free_known;
	page->loss.free_bytes = refusal->free_bytes;
	if (page->known) {
		page_keep_path(page, scratch->path);
		fs_type(&page->vma, &scratch->mounts, page->loss.fs, sizeof(page->loss.fs));
	}
	report_fault(&fault);
}

typedef bool view(const void *request, struct vma *vma, char *path, size_t size);

static void look_and_tell(view *view, const void *request, const struct refusal *refusal)
{
	struct page_facts page = page_unknown;
	int saved_errno = errno;
	struct scratch *scratch;
	uint64_t mask;

	if (!count_refusal(refusal))
		return;
	/* A handler that leaves by siglongjmp() would take the buffer along. */
	mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	scratch = scratch_get();
	if (scratch) {
		scratch->path[0] = '\0';
		page.known = view(request, &page.vma, scratch->path, sizeof(scratch->path));
		tell(refusal, &page, scratch);
		scratch_put(scratch);
	} else {
		out_count_lost();
	}
	mask_swap(SIG_SETMASK, mask);
	errno = saved_errno;
}

static bool view_mapping(const void *request, struct vma *vma, char *path, size_t size)
{
	return vma_of_mapping(request, vma, path, size);
}

void refusal_tell(const struct mapping *mapping, const struct refusal *refusal)
{
	look_and_tell(view_mapping, mapping, refusal);
}

static bool view_old(const void *request, struct vma *vma, char *path, size_t size)
{
	const struct remapping *move = request;

	return vma_query((uintptr_t)move->old, vma, path, size) == 0;
}

void refusal_tell_growth(const struct remapping *move, const struct refusal *refusal)
{
	look_and_tell(view_old, move, refusal);
}

/* Populating them would take the permission that the program did not ask for. */
void refusal_tell_unpopulated(const struct mapping *mapping, const struct refusal *refusal)
{
	uint64_t count = 1 + atomic_fetch_add(&counters()->unpopulated, 1);
	int saved_errno = errno;
	char line[512];
	struct text text = {line, sizeof(line), 0, false};

	if (!is_due(count) || !out_wanted() || (refusal->rule && refusal->rule->quiet))
		return;
	text_add(&text, "reserve: ");
	text_decimal(&text, (int64_t)mapping->length);
	text_add(&text, " bytes of huge pages were mapped without write permission in ");
	text_escaped(&text, program_name);
	text_add(&text, "[");
	text_decimal(&text, SYS_0(SYS_getpid));
	text_add(&text, "] by ");
	text_escaped(&text, owner_name(refusal->owner));
	text_add(&text, ": they were not populated, and may be missing later");
	report_event("unpopulated", line);
	errno = saved_errno;
}
