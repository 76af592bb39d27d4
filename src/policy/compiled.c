/* SPDX-License-Identifier: MIT */
/* Rules of a preset that was compiled in: what the parser would have read; all but the rule is in place. */
#include "policy/parse.h"

static void copy_rules(struct parser *parser, const struct preset *preset)
{
	const struct match *match = preset->match;
	const struct action *action = preset->action;
	struct rule *rule = parser->rule + parser->rules;

	for (uint32_t i = 0; i < preset->rule_count; i++, rule++) {
		const struct compiled_rule *from = &preset->rule[i];

		rule->text = preset->text + from->text_at;
		rule->text_length = from->text_length;
		rule->item = parser->value.item;
		rule->line = from->line;
		rule->match_count = from->match_count;
		rule->action_count = from->action_count;
		rule->quiet = from->quiet || parser->options.quiet;
		rule->hangup = parser->options.hangup;
		rule->match = match;
		rule->action = action;
		match += from->match_count;
		action += from->action_count;
	}
}

void policy_add_compiled(struct parser *parser, const struct preset *preset)
{
	if (parser->rule)
		copy_rules(parser, preset);
	parser->rules += preset->rule_count;
	parser->keys |= preset->keys;
	parser->action_kinds |= preset->actions;
}
