/* The agent's end of the supervisor's socket, against a peer that the test holds. */
#include "unit/support_loop.h"

#include "base/strbuf.h"
#include "io/seqpacket.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static char path[64];
static int listener, peer = -1;
static struct seqpacket *packets;
static int messages, closings;
static size_t lengths[64];
static char last[64], why_closed[128];
static int destroy_at;

static void on_message(UNUSED void *arg, const void *message, size_t len)
{
	lengths[messages % 64] = len;
	messages++;
	memcpy(last, message, len < sizeof(last) ? len : sizeof(last));
	if (messages == destroy_at) {
		seqpacket_destroy(packets);
		packets = NULL;
	}
}

static void on_closed(UNUSED void *arg, const char *why)
{
	closings++;
	text_copy(why_closed, sizeof(why_closed), why);
	seqpacket_destroy(packets);
	packets = NULL;
}

static const struct seqpacket_params params = { .on_message = on_message, .on_closed = on_closed };

static int begin(void **state)
{
	struct err err;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	make_loop(state);
	messages = closings = destroy_at = 0;
	snprintf(path, sizeof(path), "/tmp/test_seqpacket.%d", (int)getpid());
	unlink(path);
	text_copy(address.sun_path, sizeof(address.sun_path), path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 1) != 0)
		return -1;
	packets = seqpacket_connect(loop, path, &params, &err);
	peer = accept(listener, NULL, NULL);
	return packets != NULL && peer >= 0 ? 0 : -1;
}

static int end(void **state)
{
	seqpacket_destroy(packets);
	packets = NULL;
	if (peer >= 0)
		close(peer);
	peer = -1;
	close(listener);
	unlink(path);
	return end_loop(state);
}

static void messages_are_whole_both_ways(UNUSED void **state)
{
	struct err err;
	char in[64];
	assert_true(seqpacket_send(packets, "one", 3, &err));
	assert_true(seqpacket_send(packets, "four", 4, &err));
	assert_int_equal(recv(peer, in, sizeof(in), 0), 3);
	assert_int_equal(recv(peer, in, sizeof(in), 0), 4);
	assert_int_equal(send(peer, "ab", 2, 0), 2);
	assert_int_equal(send(peer, "xyz", 3, 0), 3);
	WAIT_FOR(messages == 2);
	assert_int_equal(lengths[0], 2);
	assert_int_equal(lengths[1], 3);
	assert_memory_equal(last, "xyz", 3);
}

static void many_messages_arrive_in_order(UNUSED void **state)
{
	for (size_t i = 1; i <= 40; i++) {
		char text[64] = "";
		assert_int_equal(send(peer, text, i, 0), i);
	}
	WAIT_FOR(messages == 40);
	for (size_t i = 1; i <= 40; i++)
		assert_int_equal(lengths[i - 1], i);
}

static void the_peer_going_is_told_once(UNUSED void **state)
{
	assert_int_equal(send(peer, "last", 4, 0), 4);
	close(peer);
	peer = -1;
	WAIT_FOR(closings == 1);
	assert_int_equal(messages, 1);
	assert_non_null(strstr(why_closed, "closed"));
	RUN_UNTIL(false, 20);
	assert_int_equal(closings, 1);
}

static void a_message_over_the_limit_closes(UNUSED void **state)
{
	static char big[64 * 1024];
	assert_int_equal(send(peer, big, sizeof(big), 0), sizeof(big));
	WAIT_FOR(closings == 1);
	assert_int_equal(messages, 0);
	assert_non_null(strstr(why_closed, "long"));
}

static void a_full_queue_is_an_error_and_not_a_wait(UNUSED void **state)
{
	struct err err;
	char text[1024] = "";
	int sent = 0;
	while (sent < 100000 && seqpacket_send(packets, text, sizeof(text), &err))
		sent++;
	assert_in_range(sent, 1, 99999);
	char in[1024];
	while (recv(peer, in, sizeof(in), MSG_DONTWAIT) > 0)
		sent--;
	assert_int_equal(sent, 0); /* what was accepted arrived */
	assert_true(seqpacket_send(packets, text, 1, &err));
}

static void sending_to_a_gone_peer_is_an_error(UNUSED void **state)
{
	struct err err;
	close(peer);
	peer = -1;
	assert_false(seqpacket_send(packets, "x", 1, &err));
}

static void a_callback_may_destroy_it(UNUSED void **state)
{
	destroy_at = 2;
	for (int i = 0; i < 4; i++)
		assert_int_equal(send(peer, "x", 1, 0), 1);
	WAIT_FOR(packets == NULL);
	RUN_UNTIL(false, 20);
	assert_int_equal(messages, 2);
	assert_int_equal(closings, 0);
}

static void nobody_listening_is_an_error(UNUSED void **state)
{
	struct err err;
	assert_null(seqpacket_connect(loop, "/tmp/nobody-listens-here", &params, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	char long_path[200];
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_null(seqpacket_connect(loop, long_path, &params, &err));
	assert_int_equal(err.kind, ERR_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_are_whole_both_ways),
		TEST(many_messages_arrive_in_order),
		TEST(the_peer_going_is_told_once),
		TEST(a_message_over_the_limit_closes),
		TEST(a_full_queue_is_an_error_and_not_a_wait),
		TEST(sending_to_a_gone_peer_is_an_error),
		TEST(a_callback_may_destroy_it),
		TEST(nobody_listening_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
