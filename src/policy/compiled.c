/* SPDX-License-Identifier: MIT */
/* Rules of a preset that was compiled in: what the parser would have read, copied from its tables. */
#include "policy/parse.h"

static void copy_matches(struct parser *parser, const struct preset *preset)
{
	for (uint32_t i = 0; i < preset->match_count; i++) {
		const struct compiled_match *from = &preset->match[i];

		parser->match[parser->matches + i] = (struct match){
			.glob = preset->text + from->glob_at,
			.glob_length = from->glob_length,
			.key = from->key,
			.sketch = from->sketch};
	}
}

static void copy_rules(struct parser *parser, const struct preset *preset)
{
	const struct match *match = parser->match + parser->matches;
	const struct action *action = parser->action + parser->actions;

	for (uint32_t i = 0; i < preset->rule_count; i++) {
		const struct compiled_rule *from = &preset->rule[i];

		parser->rule[parser->rules + i] = (struct rule){.text = preset->text + from->text_at,
			.text_length = from->text_length,
			.item = parser->value.item,
			.line = from->line,
			.match_count = from->match_count,
			.action_count = from->action_count,
			.quiet = from->quiet || parser->options.quiet,
			.hangup = parser->options.hangup,
			.match = match,
			.action = action};
		match += from->match_count;
		action += from->action_count;
	}
}

void policy_add_compiled(struct parser *parser, const struct preset *preset)
{
	if (parser->rule) {
		copy_rules(parser, preset);
		copy_matches(parser, preset);
		memcpy(parser->action + parser->actions, preset->action,
			preset->action_count * sizeof(struct action));
	}
	parser->rules += preset->rule_count;
	parser->matches += preset->match_count;
	parser->actions += preset->action_count;
	parser->keys |= preset->keys;
	parser->action_kinds |= preset->actions;
}
