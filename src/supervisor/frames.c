/* The protocol's frames to and from bytes. */
#include <string.h>
#include <sys/socket.h>

#include "supervisor/supervisor.h"

bool frames_send(int fd, enum frame_type type, uint32_t id, const struct iovec parts[2])
{
	struct frame_header header = { .version = PROTOCOL_VERSION, .type = (uint8_t)type, .id = id };
	struct iovec all[3] = { { &header, sizeof(header) }, parts[0], parts[1] };
	struct msghdr message = { .msg_iov = all, .msg_iovlen = ARRAY_SIZE(all) };
	header.length = (uint32_t)(parts[0].iov_len + parts[1].iov_len);
	return fd >= 0 && sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

bool frames_reply(int fd, uint32_t id, struct frame_reply reply)
{
	return frames_send(fd, FRAME_REPLY, id, (struct iovec[2]){ { &reply, sizeof(reply) } });
}

bool frames_strings(char **at, const char *end, char *strings[], unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char *nul = memchr(*at, '\0', (size_t)(end - *at));
		if (nul == NULL)
			return false;
		strings[i] = *at;
		*at = nul + 1;
	}
	return true;
}

bool frames_is_text(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}
