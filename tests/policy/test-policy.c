/* SPDX-License-Identifier: MIT */
/* Policies that are right: what is read, what is stored, which rule decides, and time. */
#include <time.h>

#include "policy-env.h"
#include "policy/policy.h"
#include "../harness/tap.h"

static struct policy parsed;
static struct policy_error error;

static int parse(const char *text)
{
	return policy_parse(text, strlen(text), &fake_env, &parsed, &error);
}

static void describe_rule(const struct rule *rule, FILE *out)
{
	fprintf(out, "%u.%u", rule->item, rule->line);
	for (unsigned i = 0; i < rule->match_count; i++)
		fprintf(out, " %s<%.*s>", policy_keys[rule->match[i].key].word,
			rule->match[i].glob_length, match_glob(rule, &rule->match[i]));
	fprintf(out, " =");
	for (unsigned i = 0; i < rule->action_count; i++) {
		const struct action *action = &rule->action[i];

		fprintf(out, " %s%s", action_name(action->kind),
			(const char *[]){"", "(page)", "(range)"}[action->extent]);
		if (action->seconds)
			fprintf(out, "(%u)", action->seconds);
	}
	fprintf(out, "%s\n", rule->quiet ? " quiet" : "");
}

/* All rules but the built-in one, a line each: ITEM.LINE KEY<GLOB> ... = ACTION ... */
static char *describe(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (uint32_t i = 0; i + 1 < parsed.rule_count; i++)
		describe_rule(&parsed.rule[i], out);
	fclose(out);
	return text;
}

static bool last_is_builtin(void)
{
	const struct rule *rule = &parsed.rule[parsed.rule_count - 1];

	return rule->item == 0 && rule->line == 0 && rule->match_count == 1 &&
	       rule->match[0].key == KEY_ANY && rule->action_count == 2 &&
	       rule->action[0].kind == ACTION_OWNER && rule->action[1].kind == ACTION_CHAIN &&
	       !rule->quiet && !strncmp(rule->text, "*=owner|chain", rule->text_length);
}

static void reads(const char *text, const char *expected)
{
	char *got = NULL;

	if (parse(text)) {
		char line[512];

		policy_error_line(&error, line, sizeof(line));
		ok(false, "%s", line);
		return;
	}
	got = describe();
	ok(!strcmp(got, expected) && last_is_builtin(), "%s", text);
	if (strcmp(got, expected))
		printf("# got:\n# %s# expected:\n# %s", got, expected);
	free(got);
}

static void test_words(void)
{
	reads("*=owner", "1.0 *<*> = owner\n");
	reads("owner:libx.so*=chain", "1.0 owner<libx.so*> = chain\n");
	reads("path:/dev/dri/*=abort", "1.0 path</dev/dri/*> = abort\n");
	reads("kind:hugetlb=zero", "1.0 kind<hugetlb> = zero\n");
	reads("kind:memfd=zero(page)", "1.0 kind<memfd> = zero(page)\n");
	reads("kind:shm=zero(range)", "1.0 kind<shm> = zero(range)\n");
	reads("kind:device=zero", "1.0 kind<device> = zero\n");
	reads("kind:file=zero", "1.0 kind<file> = zero\n");
	reads("kind:anon=zero", "1.0 kind<anon> = zero\n");
	reads("kind:[ms]*=zero", "1.0 kind<[ms]*> = zero\n");
	reads("program:sway=zero", "1.0 program<sway> = zero\n");
	reads("map:shared&map:ro=zero", "1.0 map<shared> map<ro> = zero\n");
	reads("map:private&map:rw=zero", "1.0 map<private> map<rw> = zero\n");
	reads("*=owner|zero(page)|zero|chain", "1.0 *<*> = owner zero(page) zero chain\n");
	reads("fs:nfs*=zero", "1.0 fs<nfs*> = zero\n");
	reads("cause:truncated=zero", "1.0 cause<truncated> = zero\n");
	reads("cause:nospace=zero", "1.0 cause<nospace> = zero\n");
	reads("cause:device=ones", "1.0 cause<device> = ones\n");
	reads("cause:hwpoison=ones(page)", "1.0 cause<hwpoison> = ones(page)\n");
	reads("cause:unknown=ones(range)", "1.0 cause<unknown> = ones(range)\n");
	reads("*=wait(1)", "1.0 *<*> = wait(1)\n");
	reads("*=wait( 86400 )|zero", "1.0 *<*> = wait(86400) zero\n");
	reads("*=wait(007)|wait(10)", "1.0 *<*> = wait(7) wait(10)\n");
	reads("*=reserve", "1.0 *<*> = reserve\n");
	reads("*=reserve|owner|chain", "1.0 *<*> = reserve owner chain\n");
	reads("*=owner|zero|abort+quiet", "1.0 *<*> = owner zero abort quiet\n");
	reads("*&*&*&*&*&*&*&*=owner|owner|owner|owner|owner|owner|owner|owner",
		"1.0 *<*> *<*> *<*> *<*> *<*> *<*> *<*> *<*> ="
		" owner owner owner owner owner owner owner owner\n");
}

static void test_blanks(void)
{
	reads(" \towner : lib x.so* & kind :memfd\t= zero ( page ) | chain + quiet \r",
		"1.0 owner<lib x.so*> kind<memfd> = zero(page) chain quiet\n");
	reads("path:\\ a\\ =zero", "1.0 path<\\ a\\ > = zero\n");
	reads("path: a\\\\ =zero", "1.0 path<a\\\\> = zero\n");
}

static void test_escapes(void)
{
	reads("path:a\\,b\\&c\\=d\\|e\\*f\\?g\\[h\\\\=zero",
		"1.0 path<a\\,b\\&c\\=d\\|e\\*f\\?g\\[h\\\\> = zero\n");
	reads("path:/home/me/C++:1+quiet=zero", "1.0 path</home/me/C++:1+quiet> = zero\n");
	reads("path:/tmp/#1=zero", "1.0 path</tmp/#1> = zero\n");
}

static void test_items(void)
{
	reads("*=owner,kind:shm=zero", "1.0 *<*> = owner\n2.0 kind<shm> = zero\n");
	reads("*=owner\nkind:shm=zero", "1.0 *<*> = owner\n2.0 kind<shm> = zero\n");
	reads("\n*=owner,\n\n  kind:shm=zero\n", "1.0 *<*> = owner\n2.0 kind<shm> = zero\n");
	reads("strict,*=owner", "2.0 *<*> = owner\n");
	ok(parsed.strict, "strict as the first item");
	reads(" strict \n *=owner", "2.0 *<*> = owner\n");
	ok(parsed.strict, "strict on the first line");
	reads("*=owner", "1.0 *<*> = owner\n");
	ok(!parsed.strict, "not strict without the word");
}

static void test_empty(void)
{
	static const char *const texts[] = {"", " ", "\n", " \t\r\n \n", "strict", "@blank"};
	static const struct fake_file files[] = {{"blank", "\n # nothing\n\n", 0}, {0}};

	fake_files = files;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		allocations = 0;
		ok(parse(texts[i]) == 0 && parsed.rule_count == 1 && last_is_builtin() &&
				parsed.keys == 0 && allocations == 0,
			"a policy without rules is the built-in one (%zu)", i);
	}
}

static void test_includes(void)
{
	static const struct fake_file files[] = {
		{"one",
			"*=owner # a comment, with a comma\n"
			"# *=abort\n"
			"\n"
			"\t\r\n"
			"kind:shm=zero , kind:anon=zero,\n"
			"path:\\#1=chain",
			0},
		{"/a,b/c", "*=abort\r\n", 0},
		{"dir/file", "path:a\\\nb=zero", 0},
		{0},
	};

	fake_files = files;
	loads = 0;
	reads("kind:file=zero,@one,@ /a\\,b/c ,*=chain", "1.0 kind<file> = zero\n"
							 "2.1 *<*> = owner\n"
							 "2.5 kind<shm> = zero\n"
							 "2.5 kind<anon> = zero\n"
							 "2.6 path<\\#1> = chain\n"
							 "3.1 *<*> = abort\n"
							 "4.0 *<*> = chain\n");
	ok(loads == 2, "each text is loaded once");
	reads("@one,@one", "1.1 *<*> = owner\n1.5 kind<shm> = zero\n1.5 kind<anon> = zero\n"
			   "1.6 path<\\#1> = chain\n2.1 *<*> = owner\n2.5 kind<shm> = zero\n"
			   "2.5 kind<anon> = zero\n2.6 path<\\#1> = chain\n");
	ok(parse("@dir/file") == -EINVAL && error.item == 1, "a newline cannot be escaped");
}

static void test_stored(void)
{
	const char *text = "kind:shm=zero, owner:a & path:b = chain +quiet ,*=abort";

	parse(text);
	ok(parsed.rule_count == 4 && parsed.rule[1].text == text + 15 &&
			!strncmp(parsed.rule[1].text, "owner:a & path:b = chain +quiet ",
				parsed.rule[1].text_length) &&
			parsed.rule[1].text_length == 31,
		"a rule keeps its text, without the blanks around it");
	ok(parsed.keys == (1u << KEY_KIND | 1u << KEY_OWNER | 1u << KEY_PATH | 1u << KEY_ANY),
		"the policy says which keys it uses");
	ok(parsed.actions == (1u << ACTION_ZERO | 1u << ACTION_CHAIN | 1u << ACTION_ABORT),
		"and which actions");
	ok(parsed.rule[0].hits == 0 && parsed.rule[3].hits == 0, "nothing was hit yet");
	policy_builtin(&parsed);
	ok(parsed.rule_count == 1 && last_is_builtin() && !parsed.strict, "the built-in policy");
}

/* What the fault is, one letter a key in asked for each question. */
struct facts {
	const char *names[KEY_COUNT][FACT_NAMES_MAX];
	char asked[256];
};

static const char *fact(void *context, enum policy_key key, unsigned i)
{
	struct facts *facts = context;
	size_t length = strlen(facts->asked);

	facts->asked[length] = policy_keys[key].word[0];
	facts->asked[length + 1] = (char)('0' + i);
	return facts->names[key][i];
}

/* The rule with the number (0: built-in) decides, after these questions. */
static void decides(const char *text, uint32_t item, const char *asked)
{
	struct facts facts = {
		.names = {
			[KEY_OWNER] = {"libwayland-server.so.0", "libwayland-server.so.0.21.0"},
			[KEY_PATH] = {"/memfd:pool"},
			[KEY_KIND] = {"memfd"},
			[KEY_PROGRAM] = {"sway"},
			[KEY_MAP] = {"shared", "rw"},
			[KEY_FS] = {"tmpfs"},
			[KEY_CAUSE] = {"truncated"},
		}};
	struct policy_names names;
	const struct rule *rule;

	if (!ok(parse(text) == 0, "%s", text))
		return;
	rule = policy_match(&parsed, fact, &facts, &names);
	ok(rule->item == item, "item %u decides (%u)", item, rule->item);
	is_string(facts.asked, asked, "no more is asked than needed");
}

static void test_match(void)
{
	decides("", 0, "");
	decides("*=zero,owner:*=zero", 1, "");
	decides("owner:libx*=zero", 0, "o0o1");
	decides("owner:libx*=zero,owner:liby*=zero,owner:*y*=abort", 3, "o0o1");
	decides("owner:libwayland*=zero,*=abort", 1, "o0");
	decides("owner:*.21.0=zero,*=abort", 1, "o0o1");
	decides("owner:*.22.0=zero,*=abort", 2, "o0o1");
	decides("kind:file=zero,kind:memfd=owner,kind:*=chain", 2, "k0k1");
	decides("program:cage&path:*=zero,path:/memfd:*=zero", 2, "p0p1p0");
	decides("map:shared&map:rw=zero", 1, "m0m1");
	decides("map:shared&map:ro=zero", 0, "m0m1");
	decides("map:rw=zero,map:shared=owner", 1, "m0m1");
	decides("map:ro=zero,map:shared=owner", 2, "m0m1");
	decides("fs:nfs=zero,fs:tmp*=ones", 2, "f0f1");
	decides("kind:memfd&cause:nospace=zero,cause:[tu]*=ones", 2, "k0c0c1");
	decides("kind:shm&cause:truncated&fs:*=zero", 0, "k0k1");
	decides("*&program:sway&kind:anon&owner:*=zero", 0, "p0k0k1");
	decides("strict,path:/memfd:pool=zero", 2, "p0");
	decides("path:/memfd\\:pool=zero", 1, "p0");
}

static void test_no_memory(void)
{
	for (int i = 0; i < 3; i++) {
		allocations_left = i;
		ok(parse("strict,kind:shm=zero") == -ENOMEM && parsed.rule_count == 1 &&
				last_is_builtin() && parsed.strict,
			"without memory the built-in policy stays (%d)", i);
	}
	allocations_left = -1;
}

/* count times part. */
static char *repeat(const char *part, size_t count)
{
	size_t length = strlen(part);
	char *text = malloc(count * length + 1);

	for (size_t i = 0; i < count; i++)
		memcpy(text + i * length, part, length);
	text[count * length] = '\0';
	return text;
}

/* Any result will do, but there is one: as many parts as a text can have. What looks at all of the
 * text for each of its bytes takes a million million steps here. */
static void ends(const char *part)
{
	char *text = repeat(part, POLICY_TEXT_MAX / strlen(part));
	int result = parse(text);

	ok(true, "1 MiB of '%s': %d", part, result);
	free(text);
}

static void test_size(void)
{
	static const char *const parts[] = {"*=zero\n", "owner:lib*.so*=owner|zero\n", ",", "\n",
		"*", "a", "\\", "\\,", " ", "[", "[]", "&", "|", "=", "#", "@", "@x,", "kind:*[",
		"*&*=zero(page)|owner+quiet\n", "\xff", "\\ ", "path:\\"};
	char *text = repeat("path:/some/where/*&kind:file=owner|zero(page)\n", 10000);

	ok(parse(text) == 0 && parsed.rule_count == 10001 && parsed.rule[9999].item == 10000 &&
			last_is_builtin(),
		"10000 rules");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ends(parts[i]);
}

int main(void)
{
	test_words();
	test_blanks();
	test_escapes();
	test_items();
	test_empty();
	test_includes();
	test_stored();
	test_match();
	test_no_memory();
	test_size();
	return tap_done();
}
