/* `howdahctl explain` as the command table calls it. */
#include "cli.h"
#include "explain.h"

bool cmd_explain(const struct cli *cli, struct err *err)
{
	int64_t count = EXPLAIN_COUNT_DEFAULT;
	const char *text = cli->options[CLI_COUNT];
	if (text != NULL && (!text_to_i64(text, &count) || count < 1 || count > EXPLAIN_COUNT_MAX))
		return err_set(err, ERR_INPUT, "-n: \"%s\" is not a number from 1 to %d", text, EXPLAIN_COUNT_MAX);
	struct explain_params params = { .count = (int)count,
					 .json = cli->options[CLI_JSON] != NULL,
					 .file = cli->options[CLI_FILE] };
	return explain_run(&params, err);
}
