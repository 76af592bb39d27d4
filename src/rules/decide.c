/* SPDX-License-Identifier: MIT */
/* Answers what the rules ask: only what is asked, and the kernel at most once. [H] */
#include <errno.h>
#include "base/base.h"
#include "kernel/kernel.h"
#include "kernel/mask.h"
#include "kernel/process.h"
#include "kernel/scratch.h"
#include "owner/owner.h"
#include "policy/policy.h"
#include "rules/fault.h"
#include "rules/rules.h"
#include "table/table.h"

_Static_assert(sizeof(struct policy_names) <= sizeof(((struct scratch *)0)->names),
	"the names of a fault's facts fit into a scratch buffer");

static bool ask_kernel(struct facts *facts)
{
	char *path = facts->scratch->path;
	size_t size = sizeof(facts->scratch->path);

	if (facts->fault) {
		int error = vma_query(facts->fault->address, &facts->vma, path, size);

		facts->no_descriptor = error == -EMFILE || error == -ENFILE;
		return error == 0;
	}
	return vma_of_mapping(facts->mapping, &facts->vma, path, size);
}

/* A handler that leaves by siglongjmp() would take the buffer along: signals are blocked. */
bool facts_hold(struct facts *facts)
{
	if (facts->scratch)
		return true;
	facts->mask = mask_swap(SIG_BLOCK, ~SYNCHRONOUS);
	facts->scratch = scratch_get();
	if (!facts->scratch)
		mask_swap(SIG_SETMASK, facts->mask);
	return facts->scratch;
}

void facts_end(struct facts *facts)
{
	if (!facts->scratch)
		return;
	scratch_put(facts->scratch);
	mask_swap(SIG_SETMASK, facts->mask);
	facts->scratch = NULL;
}

const struct vma *facts_view(struct facts *facts)
{
	if (!facts->looked && facts->scratch) {
		facts->looked = true;
		facts->viewed = ask_kernel(facts);
	}
	return facts->viewed ? &facts->vma : NULL;
}

const char *facts_fs(struct facts *facts)
{
	if (!facts_view(facts) ||
		!fs_type(&facts->vma, &facts->scratch->mounts, facts->fs, sizeof(facts->fs)))
		facts->fs[0] = '\0';
	return facts->fs;
}

static const char *cause_word(struct facts *facts)
{
	const struct fault *fault = facts->fault;
	const struct vma *vma = facts_view(facts);

	if (!fault)
		return NULL;
	return cause_name(
		cause_find(fault->info, vma, fault->write, vma ? &facts->scratch->mounts : NULL)
			.cause);
}

static const char *word_of_mapping(struct facts *facts, enum policy_key key, unsigned i)
{
	const struct vma *vma = facts_view(facts);

	if (!vma)
		return NULL;
	if (key == KEY_FS) {
		if (i == 0)
			facts_fs(facts);
		return fs_alias(facts->fs, i);
	}
	if (key == KEY_MAP && i == 0)
		return vma->shared ? "shared" : "private";
	if (key == KEY_MAP)
		return vma->prot & RANGE_WRITE ? "rw" : "ro";
	if (i > 0)
		return NULL;
	return key == KEY_PATH ? vma->path : vma_kind(vma);
}

static const char *word_of_fact(void *context, enum policy_key key, unsigned i)
{
	struct facts *facts = context;

	switch (key) {
	case KEY_OWNER:
		return owner_alias(facts->owner, i);
	case KEY_PROGRAM:
		return i == 0 ? program_name : program_path;
	case KEY_CAUSE:
		return i > 0 ? NULL : cause_word(facts);
	default:
		return word_of_mapping(facts, key, i);
	}
}

/* Rules of owners and programs only: nothing has to be looked at. */
#define CHEAP (1u << KEY_ANY | 1u << KEY_OWNER | 1u << KEY_PROGRAM)

/* The names are on the stack, not in a scratch buffer: owner and program need no path, so they fit there. */
static APART const struct rule *match_cheaply(struct facts *facts)
{
	struct policy_names names;

	return policy_match(&policy, word_of_fact, facts, &names);
}

/* What owner and program decide alone is decided once for each owner. */
static const struct rule *rule_of_owner(struct facts *facts)
{
	struct owner *owner = owner_by_id(facts->owner);
	const struct rule *rule = atomic_load(&owner->rule);

	if (rule)
		return rule;
	rule = match_cheaply(facts);
	if (!atomic_load(&owner->generation))
		atomic_store(&owner->rule, rule);
	return rule;
}

const struct rule *facts_match(struct facts *facts)
{
	if (!(policy.keys & ~CHEAP))
		return rule_of_owner(facts);
	if (!facts_hold(facts))
		return match_cheaply(facts);
	return policy_match(&policy, word_of_fact, facts, (struct policy_names *)facts->scratch->names);
}
