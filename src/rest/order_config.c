/* PATCH and PUT /config. Values are not looked at (contract 3.9): every member takes what it can use. */
#include "orders.h"

#include "answer.h"
#include "body.h"
#include "documents.h"

#include <string.h>

enum { CONFIG_TEXT_MAX = 200 * 1024 }; /* Kubernetes takes 256 KiB of annotations, and the history is one more */

static void order_write(const struct asked *asked, const struct json *config, bool replaces, struct rest_answer *answer)
{
	struct rest_order *order = &answer->order;
	char *text = json_print_text(config, JSON_COMPACT);
	size_t len = strlen(text);
	order->config_text = text;
	if (len > CONFIG_TEXT_MAX) {
		answer_page(answer, 413, "The configuration would have %zu bytes: at most %d can be stored", len,
			    CONFIG_TEXT_MAX);
		return;
	}
	order->kind = ORDER_CONFIG;
	order->config_version = asked->view->cluster->config_object_version;
	order->config_replaces = replaces;
}

void order_config_merge(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *patch = body_read(asked->request, false, answer);
	AUTO(json) struct json *config = patch == NULL ? NULL : document_config(asked->view);
	if (patch == NULL)
		return;
	if (config == NULL)
		answer_page(answer, 503, "The store holds no dynamic configuration");
	else if (json_merge(config, patch))
		order_write(asked, config, false, answer);
	else
		answer_json(answer, 200, config);
}

void order_config_replace(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *config = body_read(asked->request, false, answer);
	AUTO(json) struct json *present = config == NULL ? NULL : document_config(asked->view);
	if (config == NULL)
		return;
	if (present != NULL && json_equal(config, present))
		answer_json(answer, 200, config);
	else
		order_write(asked, config, true, answer);
}
