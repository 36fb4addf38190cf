/* The program. Its first line on standard output is the port. */
#include "devkube/devkube.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "io/file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct options {
	const char *host, *port, *token_file, *cert, *key;
};

static const char usage[] =
	"usage: devkube --token-file FILE [--host ADDRESS] [--port N] [--cert FILE --key FILE]\n"
	"A Kubernetes API server for tests: state in memory, faults by POST /devkube/faults. Prints its port.\n";

static bool read_options(struct options *o, int argc, char **argv)
{
	const struct {
		const char *name, **value;
	} known[] = { { "--host", &o->host },
		      { "--port", &o->port },
		      { "--token-file", &o->token_file },
		      { "--cert", &o->cert },
		      { "--key", &o->key } };
	*o = (struct options){ .host = "127.0.0.1", .port = "0" };
	for (int i = 1; i < argc; i += 2) {
		size_t k = 0;
		while (k < ARRAY_SIZE(known) && !text_equal(known[k].name, argv[i]))
			k++;
		if (k == ARRAY_SIZE(known) || i + 1 == argc)
			return false;
		*known[k].value = argv[i + 1];
	}
	return o->token_file && !o->cert == !o->key;
}

static bool read_token(struct devkube *dk, const char *path, struct err *err)
{
	size_t len;
	if (!file_read(path, dk->token, sizeof(dk->token), &len, err))
		return err_wrap(err, "--token-file");
	dk->token[strcspn(dk->token, "\r\n")] = '\0';
	return dk->token[0] != '\0' || err_set(err, ERR_INPUT, "--token-file: %s is empty", path);
}

static void on_signal(void *arg)
{
	loop_stop(arg);
}

static bool serve(const struct options *o, struct devkube *dk, struct loop *loop, struct err *err)
{
	int64_t port;
	if (!text_to_i64(o->port, &port) || port < 0 || port > 65535)
		return err_set(err, ERR_INPUT, "--port: \"%s\" is not allowed: 0 to 65535", o->port);
	struct http_server_params params = { .host = o->host,
					     .port = (int)port,
					     .cert_file = o->cert,
					     .key_file = o->key,
					     .handler = devkube_handle,
					     .arg = dk };
	devkube_init(dk, loop);
	struct http_server *server = http_server_create(loop, &params, err);
	if (server) {
		printf("%d\n", http_server_port(server));
		fflush(stdout);
		loop_run(loop);
	}
	devkube_finish(dk);
	http_server_destroy(server);
	return server != NULL;
}

int main(int argc, char **argv)
{
	struct options o;
	struct err err = { 0 };
	struct devkube dk = { 0 };
	if (!read_options(&o, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	struct loop *loop = loop_create(&err);
	if (loop) {
		loop_on_signal(loop, SIGTERM, on_signal, loop);
		loop_on_signal(loop, SIGINT, on_signal, loop);
	}
	bool ok = loop && read_token(&dk, o.token_file, &err) && serve(&o, &dk, loop, &err);
	loop_destroy(loop);
	if (!ok)
		fprintf(stderr, "devkube: %s\n", err.text);
	return ok ? 0 : 1;
}
