/* The socket: who may connect, one agent at a time, its frames in, STATUS out. Nothing here waits. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

enum { FRAMES_A_TURN = 64, SEND_BUFFER = 1 << 20, OUTPUT_PATIENCE_US = 250 * MS };

bool serve_open(struct supervisor *s, const char *dir, int *exit_code)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char lock[PATH_SIZE];
	*exit_code = 2;
	if (!TEXT_JOIN(address.sun_path, dir, "/supervisor.sock") || !TEXT_JOIN(lock, dir, "/supervisor.lock")) {
		say("the directory's name is too long for a socket: ", dir);
		return false;
	}
	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		say("cannot make the directory ", dir);
		return false;
	}
	int lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* held for as long as we live */
	if (lock_fd < 0) {
		say("cannot open ", lock);
		return false;
	}
	*exit_code = 1;
	if (flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
		say("another supervisor serves ", address.sun_path);
		return false;
	}
	mode_t mask = umask(0177);
	unlink(address.sun_path);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool served = s->listen_fd >= 0 && bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		      listen(s->listen_fd, 8) == 0;
	umask(mask);
	say(served ? "serves " : "cannot serve ", address.sun_path);
	return served;
}

static void drop_candidate(struct supervisor *s)
{
	close(s->candidate_fd);
	s->candidate_fd = -1;
}

void serve_drop_agent(struct supervisor *s, const char *why)
{
	if (s->agent_fd < 0)
		return;
	close(s->agent_fd);
	s->agent_fd = -1;
	say("agent gone: ", why);
}

/* In a pod the agent is in another container, which shows as pid 0; whatever runs beside PostgreSQL shows its pid and
 * is nobody. */
static bool is_welcome(const struct supervisor *s, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid() &&
	       (!s->in_pod || peer.pid == 0);
}

static void accept_candidate(struct supervisor *s)
{
	int size = SEND_BUFFER;
	if (s->candidate_fd >= 0 && s->now.boot_us >= s->candidate_until_us)
		drop_candidate(s);
	if (s->candidate_fd < 0) {
		s->candidate_fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		s->candidate_until_us = s->now.boot_us + SECOND;
	}
	if (s->candidate_fd < 0)
		return;
	wake_at(s, s->candidate_until_us);
	setsockopt(s->candidate_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (is_welcome(s, s->candidate_fd))
		return;
	say("refused a connection: not the agent's uid or not from its container", "");
	drop_candidate(s);
}

enum got { GOT_FRAME, GOT_NOTHING, GOT_END, GOT_RUBBISH };

/* The frame stays valid until the next call. */
static enum got get_frame(int fd, struct frame_header *header, struct request *r)
{
	static _Alignas(8) char bytes[FRAME_MAX];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return GOT_NOTHING;
	if (n <= 0)
		return GOT_END;
	memset(header, 0, sizeof(*header));
	memcpy(header, bytes, (size_t)n < sizeof(*header) ? (size_t)n : sizeof(*header));
	*r = (struct request){ .id = header->id, .body = bytes + sizeof(*header), .end = bytes + n };
	bool fits = n >= (ssize_t)sizeof(*header) && n <= (ssize_t)sizeof(bytes);
	return fits && header->version == PROTOCOL_VERSION && header->length == n - sizeof(*header) ? GOT_FRAME
												    : GOT_RUBBISH;
}

static void hear_candidate(struct supervisor *s)
{
	struct frame_header header;
	struct request r;
	enum got got = s->candidate_fd < 0 ? GOT_NOTHING : get_frame(s->candidate_fd, &header, &r);
	if (got == GOT_NOTHING)
		return;
	enum reply_code code = got == GOT_FRAME && header.type == FRAME_HELLO ? requests_hello(s, &r) : REPLY_BAD_FRAME;
	if (code == REPLY_OK) {
		s->agent_fd = s->candidate_fd;
		s->candidate_fd = -1;
		s->last_frame_us = s->now.boot_us;
		s->status_due = true;
		s->greeted = false;
		s->full_since_us = 0;
		for (size_t i = 0; i < JOBS_MAX; i++)
			s->jobs[i].told = false;
		say_number("agent attached generation=", (int64_t)s->generation);
		return;
	}
	if (got != GOT_END) {
		say_number("refused HELLO reply=", code);
		if (!frames_reply(s->candidate_fd, header.id, (struct frame_reply){ code, 0 }))
			say("nobody heard it", "");
	}
	drop_candidate(s);
}

static bool hear_agent(struct supervisor *s)
{
	struct frame_header header;
	struct request r;
	enum got got = s->agent_fd < 0 ? GOT_NOTHING : get_frame(s->agent_fd, &header, &r);
	if (got == GOT_NOTHING)
		return false;
	if (got == GOT_END) {
		serve_drop_agent(s, "closed");
		return false;
	}
	s->last_frame_us = s->now.boot_us;
	struct frame_reply reply = { REPLY_BAD_FRAME, 0 };
	if (got == GOT_FRAME)
		reply = requests_handle(s, header.type, &r);
	bool silent = header.type == FRAME_ASK && reply.code == REPLY_OK;
	if (!silent && !frames_reply(s->agent_fd, header.id, reply))
		serve_drop_agent(s, "does not read");
	if (reply.code == REPLY_BAD_FRAME)
		serve_drop_agent(s, "sent a bad frame");
	return true;
}

void serve_turn(struct supervisor *s)
{
	int frames = 0;
	/* the present agent first: if it is gone, a newcomer need not hear that we are busy */
	while (frames < FRAMES_A_TURN && hear_agent(s))
		frames++;
	accept_candidate(s);
	hear_candidate(s);
	while (frames < FRAMES_A_TURN && hear_agent(s))
		frames++;
	if (frames == FRAMES_A_TURN)
		wake_at(s, s->now.boot_us);
}

void serve_flush(struct supervisor *s)
{
	bool changed = s->status_due || memcmp(&s->status, &s->sent, sizeof(s->sent)) != 0;
	if (s->agent_fd < 0 || !changed)
		return;
	struct frame_status status = s->status;
	/* how many matters to whoever waits for the end; to count them is to read all of /proc */
	bool ending = status.tree == TREE_STOPPING || status.tree == TREE_FENCING;
	unsigned left = ending ? fence_walk(s, KIN_POSTGRES, NULL, 0) : 0;
	status.left = status.tree != TREE_DOWN && left == 0 ? 1 : left;
	s->status_due = !frames_send(s->agent_fd, FRAME_STATUS, 0, (struct iovec[2]){ { &status, sizeof(status) } });
	if (s->status_due)
		return;
	s->sent = s->status;
	if (!s->greeted)
		wake_at(s, s->now.boot_us); /* for what waited for it */
	s->greeted = true;
}

enum room serve_room(struct supervisor *s)
{
	int queued = 0, size = 0;
	socklen_t length = sizeof(size);
	if (s->agent_fd < 0)
		return ROOM_NEVER;
	if (ioctl(s->agent_fd, SIOCOUTQ, &queued) == 0 &&
	    getsockopt(s->agent_fd, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0 && queued < size / 2) {
		s->full_since_us = 0;
		return ROOM_YES;
	}
	if (s->full_since_us == 0)
		s->full_since_us = s->now.boot_us;
	wake_at(s, s->now.boot_us + ROUND_US);
	return s->now.boot_us - s->full_since_us < OUTPUT_PATIENCE_US ? ROOM_WAIT : ROOM_NEVER;
}
