/* SPDX-License-Identifier: MIT */
/* The presets: each is right, and what is done with whose mapping of what. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/policy.h"
#include "owner/owner.h"
#include "../harness/tap.h"

static struct policy parsed;

static void *allocate(size_t size)
{
	return calloc(1, size);
}

static bool parse(const char *text)
{
	static const struct policy_env env = {.allocate = allocate, .load = policy_load, .presets = policy_presets, .runtime_directory = "/run/a[b]c/"};
	struct policy_error error;
	char line[512];

	if (!policy_parse(text, strlen(text), &env, &parsed, &error))
		return true;
	policy_error_line(&error, line, sizeof(line));
	printf("# %s\n", line);
	return false;
}

struct lost_page {
	const char *program, *owner, *path;
};

static const char *fact(void *context, enum policy_key key, unsigned i)
{
	const struct lost_page *lost = context;

	if (i > 0)
		return NULL;
	switch (key) {
	case KEY_OWNER:
		return lost->owner;
	case KEY_PATH:
		return lost->path;
	case KEY_PROGRAM:
		return lost->program;
	case KEY_KIND:
		return "file";
	case KEY_MAP:
		return "shared";
	default:
		return NULL;
	}
}

/* The actions as words: "owner zero ". */
static const char *actions(struct lost_page lost)
{
	static char words[128];
	struct policy_names names;
	const struct rule *rule = policy_match(&parsed, fact, &lost, &names);

	words[0] = '\0';
	for (unsigned i = 0; i < rule->action_count; i++) {
		strcat(words, action_name(rule->action[i].kind));
		strcat(words, " ");
	}
	return words;
}

static void does(const char *program, const char *owner, const char *path, const char *expected)
{
	char name[256];

	snprintf(name, sizeof(name), "%s in %s, %s: %s", owner, program, path, expected);
	is_string(actions((struct lost_page){program, owner, path}), expected, name);
}

static void test_clients(void)
{
	static const char *const paths[] = {"/memfd:pool", "/run/user/1000/pool", "/home/me/x.db",
		"/dev/shm/x-shm", "/usr/share/faked", "/etc/faked", "/var/lib/faked",
		"/var/tmp/pool", "/x.sqlite"};
	static const char *const owners[] = {"libwayland-server.so.0",
		"libwayland-server.so.0.21.0", "libwlroots.so.10", "libwlroots-0.18.so",
		"libweston-10.so.0", "libmutter-11.so.0", "libkwin.so.5", "Hyprland"};

	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++)
			does("any", owners[i], paths[j], "owner zero ");
	/* Their own handlers would end the server, or take the guard of pools away. */
	for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
		does("mir_demo_server", "libmirserver.so.59", paths[j], "zero ");
		does("niri", "niri", paths[j], "zero ");
	}
}

static void test_compositors(void)
{
	static const char *const names[] = {"sway", "cage", "phoc", "weston", "labwc", "wayfire",
		"river", "Hyprland", "mutter", "gnome-shell", "kwin_wayland"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		does(names[i], names[i], "/memfd:pool", "owner zero ");
		does(names[i], names[i], "/home/me/x.db", "owner zero ");
		does(names[i], names[i], "/var/tmp/pool", "owner zero ");
	}
	does("weston", "desktop-shell.so", "/memfd:pool", "owner zero ");
	does("weston", "libexec_weston.so.0", "/memfd:pool", "owner zero ");
	does("other", "desktop-shell.so", "/memfd:pool", "owner chain ");
	does("sway", "sway", "/usr/share/icons/x", "chain ");
	does("sway", "sway", "/etc/sway/config", "chain ");
	does("gnome-shell", "gnome-shell", "/var/cache/x", "chain ");
}

static void test_others(void)
{
	does("sway", "libfontconfig.so.1", "/var/cache/fontconfig/x.cache-7", "chain ");
	does("sway", "libxkbcommon.so.0", "/usr/share/X11/xkb/x", "chain ");
	does("sway", "libfontconfig.so.1", "/home/me/.cache/fontconfig/x", "owner chain ");
	does("gnome-shell", "libsqlite3.so.0", "/home/me/x.sqlite-shm", "chain ");
	does("gnome-shell", "liblmdb.so.0", "/home/me/data.mdb", "chain ");
	does("swaybg", "swaybg", "/memfd:buffer", "owner chain ");
	does("foot", "libwayland-client.so.0", "/memfd:keymap", "owner chain ");
}

/* ---- what is compiled in is what parsing gives ---- */

static bool same_rule(const struct rule *a, const struct rule *b)
{
	if (a->text != b->text || a->text_length != b->text_length || a->item != b->item ||
		a->line != b->line || a->match_count != b->match_count ||
		a->action_count != b->action_count || a->quiet != b->quiet)
		return false;
	for (unsigned i = 0; i < a->match_count; i++) {
		const struct match *one = &a->match[i], *other = &b->match[i];

		if (one->key != other->key || one->glob_length != other->glob_length ||
			one->glob_at != other->glob_at ||
			memcmp(&one->sketch, &other->sketch, sizeof(one->sketch)) != 0)
			return false;
	}
	for (unsigned i = 0; i < a->action_count; i++)
		if (a->action[i].kind != b->action[i].kind || a->action[i].extent != b->action[i].extent ||
			a->action[i].seconds != b->action[i].seconds)
			return false;
	return true;
}

static void test_compiled(void)
{
	static const struct policy_env as_text = {.allocate = allocate, .load = policy_load},
				       as_tables = {.allocate = allocate, .load = policy_load, .compiled = policy_compiled};
	struct policy_error error;

	for (const struct preset *preset = compiled_presets; preset->name; preset++) {
		struct policy text, tables;
		char value[64];
		bool same;

		snprintf(value, sizeof(value), "path:/x=abort,@%s,@%s", preset->name, preset->name);
		policy_parse(value, strlen(value), &as_text, &text, &error);
		policy_parse(value, strlen(value), &as_tables, &tables, &error);
		same = text.rule_count == tables.rule_count && text.rule_count > 2 &&
		       text.keys == tables.keys && text.actions == tables.actions;
		for (uint32_t i = 0; same && i < text.rule_count; i++) {
			same = same_rule(&text.rule[i], &tables.rule[i]);
			if (!same)
				printf("# rule %.*s\n", (int)text.rule[i].text_length, text.rule[i].text);
		}
		ok(same, "the tables of @%s are what its text says", preset->name);
	}
}

int main(void)
{
	const char *top = getenv("top_srcdir");
	struct policy_words presets;
	const char *name;
	char dir[4096], text[300];

	snprintf(dir, sizeof(dir), "%s/data", top ? top : ".");
	policy_file_init(dir, allocate);
	presets = policy_presets();
	for (size_t i = 0; (name = policy_words_at(presets, i)); i++) {
		snprintf(text, sizeof(text), "@%s", name);
		ok(parse(text) && parsed.rule_count > 1, "@%s is right", name);
	}
	if (!ok(parse("@compositor"), "@compositor"))
		return tap_done();
	test_clients();
	test_compositors();
	test_others();
	if (ok(parse("@container"), "@container")) {
		does("any", "any", "/dev/shm/x", "reserve owner chain ");
		does("any", "any", "/memfd:x", "owner chain ");
	}
	if (ok(parse("@container"), "@container with a runtime directory")) {
		does("any", "any", "/run/a[b]c/wl-shm", "reserve owner chain ");
		does("any", "any", "/run/abc/wl-shm", "owner chain ");
		does("any", "any", "/run/x/run/a[b]c/wl-shm", "owner chain ");
	}
	if (ok(parse("@hugetlb"), "@hugetlb"))
		does("any", "any", "/anon_hugepage", "owner chain "); /* kind: file here */
	if (ok(parse("@diagnose"), "@diagnose"))
		does("any", "libx.so.1", "/x", "owner chain ");
	test_compiled();
	return tap_done();
}
