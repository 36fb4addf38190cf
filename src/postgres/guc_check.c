/* One value against its row of the table: clamped, dropped or kept. */
#include "postgres/gucs.h"

#include "codec/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A major version without its minor part is taken as the newest minor one: rows that were back-patched apply. */
static bool rule_applies(const struct guc_rule *rule, int version)
{
	if (version % 10000 == 0)
		version += 98;
	return version >= rule->from && (rule->to == 0 || version < rule->to);
}

static const struct guc_rule *find(const struct guc_rule *rules, int count, const char *name, int version)
{
	for (int i = 0; i < count; i++)
		if (strcasecmp(rules[i].name, name) == 0 && rule_applies(&rules[i], version))
			return &rules[i];
	return NULL;
}

const struct guc_rule *guc_rule_find(const char *name, int version)
{
	return find(guc_rules, guc_rules_count, name, version);
}

const struct guc_rule *guc_recovery_find(const char *name, int version)
{
	return find(recovery_rules, recovery_rules_count, name, version);
}

bool guc_has_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	while (true) {
		size_t here = strcspn(words, "|");
		if (here == len && strncasecmp(words, word, len) == 0)
			return true;
		if (words[here] == '\0')
			return false;
		words += here + 1;
	}
}

static enum guc_verdict clamp(double number, const struct guc_rule *rule, char *value, size_t size)
{
	double bound = number < rule->min ? rule->min : rule->max;
	if (number >= rule->min && number <= rule->max)
		return GUC_KEEP;
	snprintf(value, size, "%.10g", bound);
	return GUC_CLAMPED;
}

static enum guc_verdict check_int(const struct guc_rule *rule, char *value, size_t size)
{
	int64_t number;
	if (!units_int(value, rule->unit, &number))
		return GUC_DROP;
	return clamp((double)number, rule, value, size);
}

static const struct {
	const char *unit;
	double ms;
} time_units[] = { { "us", 0.001 }, { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 } };

/* Reals with a unit are all times in ms. */
static enum guc_verdict check_real(const struct guc_rule *rule, char *value, size_t size)
{
	char *end;
	double number = strtod(value, &end);
	if (end == value)
		return GUC_DROP;
	while (*end == ' ')
		end++;
	if (*end == '\0')
		return clamp(number, rule, value, size);
	for (size_t i = 0; rule->unit != NULL && i < ARRAY_SIZE(time_units); i++)
		if (strcmp(end, time_units[i].unit) == 0)
			return clamp(number * time_units[i].ms, rule, value, size);
	return GUC_DROP;
}

enum guc_verdict guc_check(const struct guc_rule *rule, char *value, size_t size)
{
	bool on;
	switch (rule->type) {
	case GUC_BOOL:
		return units_bool(value, &on) ? GUC_KEEP : GUC_DROP;
	case GUC_BOOL_ENUM:
		return units_bool(value, &on) || guc_has_word(rule->words, value) ? GUC_KEEP : GUC_DROP;
	case GUC_ENUM:
		return guc_has_word(rule->words, value) ? GUC_KEEP : GUC_DROP;
	case GUC_INT:
		return check_int(rule, value, size);
	case GUC_REAL:
		return check_real(rule, value, size);
	case GUC_TEXT:
		return GUC_KEEP;
	}
	return GUC_DROP;
}
