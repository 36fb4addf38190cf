/* The connection to the supervisor: made again and again while nobody answers, frames out, frames in, replies in order. */
#include "postgres/private.h"

#include "base/log.h"

#include <string.h>

enum {
	RETRY_FIRST_MS = 100,
	RETRY_MOST_MS = 1000,
	CONNECT_FIRST_MS = 20,
	HELLO_MS = 1000,
	ASK_WRITABLE_MS = 5000,
	ASK_IDLE_MS = 5000,
	ASK_LEAVING_MS = 1000,
};
enum { TERM_HOLD_MS = 100 * 1000, AGENT_SILENCE_MS = 3000 };

static const char *const reply_texts[REPLY_CODE_COUNT] = {
	[REPLY_OK] = "done",
	[REPLY_NO_LOCK] = "the volume is locked by somebody else",
	[REPLY_NO_DEADLINE] = "no deadline, or less than a second ahead",
	[REPLY_BAD_DEADLINE] = "the deadline is too far ahead or too old",
	[REPLY_NOT_ANSWERED] = "the API has not answered a lock write yet",
	[REPLY_BUSY] = "not in this state",
	[REPLY_FENCING] = "it is fencing",
	[REPLY_SIGNAL_FILE] = "the standby's signal file does not fit",
	[REPLY_MARKED] = "an unfinished change of the data directory is marked",
	[REPLY_FAILED] = "the system refused",
	[REPLY_BAD_FRAME] = "bad frame",
	[REPLY_CLOCKS] = "its clocks differ from ours",
};

const char *link_reply_text(int code)
{
	if (code < 0 || code >= REPLY_CODE_COUNT)
		return "the connection to the supervisor was lost";
	return reply_texts[code];
}

static void link_drop(struct postgres *pg, const char *why)
{
	struct link *link = &pg->link;
	if (link->socket == NULL)
		return;
	seqpacket_destroy(link->socket);
	link->socket = NULL;
	if (pg->instance.attached) {
		log_warning("supervisor: connection lost: %s", why);
		link->since = loop_now(pg->loop);
	}
	status_lost(pg);
	loop_timer_set(link->timer, link->retry_ms);
	postgres_turn_soon(pg);
}

/* Whoever waits for an answer on a closed connection is told so, once. */
static void fail_pending(struct postgres *pg)
{
	struct link *link = &pg->link;
	while (link->count > 0 && (link->socket == NULL || !link->pending[link->first].sent)) {
		link_reply *fn = link->pending[link->first].fn;
		link->first = (link->first + 1) % PENDING_MAX;
		link->count--;
		if (fn != NULL)
			fn(pg, LINK_LOST, 0);
	}
}

static void take_reply(struct postgres *pg, uint32_t id, const struct frame_reply *reply)
{
	struct link *link = &pg->link;
	if (!pg->instance.attached) {
		if (!link->said)
			log_warning("supervisor: refuses this agent: %s", link_reply_text((int)reply->code));
		link->said = true;
		return;
	}
	if (link->count == 0 || link->pending[link->first].id != id) {
		link_drop(pg, "a reply nobody waits for");
		return;
	}
	link_reply *fn = link->pending[link->first].fn;
	link->first = (link->first + 1) % PENDING_MAX;
	link->count--;
	if (fn != NULL)
		fn(pg, (int)reply->code, reply->detail);
}

static void send_hello_done(struct postgres *pg, const struct frame_status *status)
{
	bool other = pg->link.nonce != 0 && pg->link.nonce != status->nonce;
	pg->instance.attached = true;
	pg->link.retry_ms = RETRY_FIRST_MS;
	pg->link.said = false;
	log_info("supervisor: attached, version %s%s", status->program_version,
		 other ? ", another one than before" : "");
	run_attached(pg, status->jobs, other);
	programs_find(pg);
	if (pg->deadline_wanted) {
		pg->deadline.number = ++pg->deadline_number;
		link_send(pg, FRAME_DEADLINE, &pg->deadline, sizeof(pg->deadline), NULL);
	}
}

static void take_status(struct postgres *pg, struct frame_status *status)
{
	status->boot_id[sizeof(status->boot_id) - 1] = '\0';
	status->token[sizeof(status->token) - 1] = '\0';
	status->program_version[sizeof(status->program_version) - 1] = '\0';
	if (!pg->instance.attached)
		send_hello_done(pg, status);
	status_take(pg, status);
	pg->link.nonce = status->nonce;
}

/* Copies a fixed body off the message; what is too short closes the connection. */
static bool body_is(struct postgres *pg, void *body, size_t size, const char *bytes, size_t len)
{
	if (len < size) {
		link_drop(pg, "a frame is too short");
		return false;
	}
	memcpy(body, bytes, size);
	return true;
}

static void dispatch(struct postgres *pg, const struct frame_header *header, const char *body, size_t len)
{
	union {
		struct frame_status status;
		struct frame_reply reply;
		struct frame_output output;
		struct frame_exited exited;
		struct frame_found found;
	} u;
	switch (header->type) {
	case FRAME_STATUS:
		if (body_is(pg, &u.status, sizeof(u.status), body, len))
			take_status(pg, &u.status);
		return;
	case FRAME_REPLY:
		if (body_is(pg, &u.reply, sizeof(u.reply), body, len))
			take_reply(pg, header->id, &u.reply);
		return;
	case FRAME_OUTPUT:
		if (body_is(pg, &u.output, sizeof(u.output), body, len))
			run_output(pg, &u.output, body + sizeof(u.output), len - sizeof(u.output));
		return;
	case FRAME_EXITED:
		if (body_is(pg, &u.exited, sizeof(u.exited), body, len))
			run_exited(pg, &u.exited);
		return;
	case FRAME_FOUND:
		if (body_is(pg, &u.found, sizeof(u.found), body, len))
			programs_take(pg, body + sizeof(u.found), len - sizeof(u.found), u.found.count);
		return;
	default:
		link_drop(pg, "a frame of an unknown type");
	}
}

static void on_message(void *arg, const void *message, size_t len)
{
	struct postgres *pg = arg;
	struct frame_header header;
	if (!body_is(pg, &header, sizeof(header), message, len))
		return;
	if (header.version != PROTOCOL_VERSION || header.length != len - sizeof(header)) {
		link_drop(pg, "a frame of another version or length");
		return;
	}
	pg->instance.heard = loop_now(pg->loop);
	dispatch(pg, &header, (const char *)message + sizeof(header), len - sizeof(header));
	postgres_turn(pg);
}

static void on_closed(void *arg, const char *why)
{
	link_drop(arg, why);
}

static bool send_frame(struct postgres *pg, const struct link_frame *frame)
{
	char bytes[FRAME_MAX];
	struct link *link = &pg->link;
	size_t size = frame->size, more = frame->strings == NULL ? 0 : frame->strings->len;
	struct frame_header header = { .version = PROTOCOL_VERSION, .type = (uint8_t)frame->type, .id = link->next_id };
	struct err err;
	if (sizeof(header) + size + more > sizeof(bytes))
		return false;
	header.length = (uint32_t)(size + more);
	memcpy(bytes, &header, sizeof(header));
	if (size > 0)
		memcpy(bytes + sizeof(header), frame->body, size);
	if (more > 0)
		memcpy(bytes + sizeof(header) + size, frame->strings->strings, more);
	return seqpacket_send(link->socket, bytes, sizeof(header) + size + more, &err);
}

void link_send_strings(struct postgres *pg, const struct link_frame *frame, link_reply *fn)
{
	struct link *link = &pg->link;
	link->next_id++;
	if (link->count == PENDING_MAX) {
		log_error("supervisor: does not answer, %d questions wait", link->count);
		link_drop(pg, "it does not answer");
		fail_pending(pg);
	}
	int at = (link->first + link->count++) % PENDING_MAX;
	link->pending[at].id = link->next_id;
	link->pending[at].fn = fn;
	link->pending[at].sent = link->socket != NULL && pg->instance.attached;
	if (link->pending[at].sent && !send_frame(pg, frame))
		link_drop(pg, "a frame could not be sent");
	postgres_turn_soon(pg);
}

void link_send(struct postgres *pg, enum frame_type type, const void *body, size_t size, link_reply *fn)
{
	struct link_frame frame = { .type = type, .body = body, .size = size };
	link_send_strings(pg, &frame, fn);
}

static void say_hello(struct postgres *pg)
{
	struct instant now = loop_now(pg->loop);
	struct frame_hello hello = {
		.generation = pg->generation,
		.now = { now.boot_us, now.raw_us },
		.term_hold_ms = TERM_HOLD_MS,
		.agent_silence_ms = AGENT_SILENCE_MS,
	};
	text_copy(hello.data_dir, sizeof(hello.data_dir), pg->config->data_dir);
	pg->link.next_id++;
	if (!send_frame(pg, &(struct link_frame){ .type = FRAME_HELLO, .body = &hello, .size = sizeof(hello) }))
		link_drop(pg, "HELLO could not be sent");
}

/* A sixteenth of what has been waited already: a container that starts is met at once, one that does not costs nothing. */
static int64_t connect_pause_ms(const struct postgres *pg)
{
	int64_t pause = elapsed_most_ms(pg->link.since, loop_now(pg->loop)) / 16;
	if (pause < CONNECT_FIRST_MS)
		return CONNECT_FIRST_MS;
	return pause < RETRY_MOST_MS ? pause : RETRY_MOST_MS;
}

static void connect_again(struct postgres *pg)
{
	struct link *link = &pg->link;
	char path[PATH_SIZE];
	struct strbuf b;
	struct err err;
	struct seqpacket_params params = { .on_message = on_message, .on_closed = on_closed, .arg = pg };
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/supervisor.sock", pg->config->run_dir);
	link->socket = seqpacket_connect(pg->loop, path, &params, &err);
	if (link->socket != NULL) {
		link->retry_ms = link->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : link->retry_ms * 2;
		loop_timer_set(link->timer, HELLO_MS);
		say_hello(pg);
		return;
	}
	loop_timer_set(link->timer, connect_pause_ms(pg));
	if (!link->said)
		log_info("supervisor: waits for it: %s", err.text);
	link->said = true;
	supervisor_launch(pg);
}

static int64_t ask_period_ms(const struct postgres *pg)
{
	int64_t sixth = pg->config->settings.ttl_ms / 6, period = pg->instance.writable ? ASK_WRITABLE_MS : ASK_IDLE_MS;
	if (pg->instance.term_pending)
		period = ASK_LEAVING_MS; /* the supervisor takes a silent agent for a dead one */
	return sixth > 0 && sixth < period ? sixth : period;
}

static void on_timer(void *arg)
{
	struct postgres *pg = arg;
	struct link *link = &pg->link;
	if (link->socket == NULL) {
		connect_again(pg);
		return;
	}
	if (!pg->instance.attached) {
		link_drop(pg, "no answer to HELLO");
		return;
	}
	int64_t period = ask_period_ms(pg), silent = elapsed_most_ms(pg->instance.heard, loop_now(pg->loop));
	link->next_id++;
	if (silent >= period && !send_frame(pg, &(struct link_frame){ .type = FRAME_ASK })) {
		link_drop(pg, "ASK could not be sent");
		return;
	}
	loop_timer_set(link->timer, silent >= period ? period : period - silent);
}

void link_init(struct postgres *pg)
{
	pg->link.retry_ms = RETRY_FIRST_MS / 2;
	pg->link.since = loop_now(pg->loop);
	pg->link.timer = loop_timer_create(pg->loop, on_timer, pg);
	loop_timer_set(pg->link.timer, 0);
}

void link_finish(struct postgres *pg)
{
	seqpacket_destroy(pg->link.socket);
	pg->link.socket = NULL;
	loop_timer_destroy(pg->link.timer);
}

void link_turn(struct postgres *pg)
{
	fail_pending(pg);
}
