#include "codec/ring.h"

#include <string.h>

enum { ALIGN = 8 };

struct head {
	char mark[8];
	uint64_t len, sequence, sum;
};
static_assert(sizeof(struct head) == RING_HEAD_SIZE, "the head is as long as the header says");

static const char mark[8] = { 'h', 'o', 'w', 'd', 'a', 'h', '\0', '\1' };

/* FNV-1a: it only has to notice what is torn. */
static uint64_t add_sum(uint64_t sum, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 0x100000001b3u;
	return sum;
}

static uint64_t sum_of(const struct head *head, const char *text)
{
	uint64_t sum = add_sum(0xcbf29ce484222325u, &head->len, sizeof(head->len));
	sum = add_sum(sum, &head->sequence, sizeof(head->sequence));
	return add_sum(sum, text, head->len);
}

static size_t aligned(size_t size)
{
	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

static bool read_entry(const char *bytes, size_t size, size_t at, struct ring_entry *entry)
{
	struct head head;
	if (size - at < sizeof(head) || memcmp(bytes + at, mark, sizeof(mark)) != 0)
		return false;
	memcpy(&head, bytes + at, sizeof(head));
	const char *text = bytes + at + sizeof(head);
	if (head.len > RING_TEXT_MAX || head.len > size - at - sizeof(head) || sum_of(&head, text) != head.sum)
		return false;
	*entry = (struct ring_entry){ head.sequence, text, head.len, at + aligned(sizeof(head) + head.len) };
	return true;
}

/* Keeps the newest ones, in order. */
static int keep(struct ring_entry *entries, int count, int max, const struct ring_entry *entry)
{
	if (count == max && (max == 0 || entry->sequence < entries[0].sequence))
		return count;
	int at = count;
	while (at > 0 && entries[at - 1].sequence > entry->sequence)
		at--;
	if (count < max) {
		memmove(entries + at + 1, entries + at, (size_t)(count - at) * sizeof(*entries));
		entries[at] = *entry;
		return count + 1;
	}
	memmove(entries, entries + 1, (size_t)(at - 1) * sizeof(*entries));
	entries[at - 1] = *entry;
	return count;
}

int ring_find(const char *bytes, size_t size, struct ring_entry *entries, int max)
{
	int count = 0;
	size_t at = 0;
	while (at + RING_HEAD_SIZE <= size) {
		struct ring_entry entry;
		bool found = read_entry(bytes, size, at, &entry);
		if (found)
			count = keep(entries, count, max, &entry);
		at = found ? entry.end : at + ALIGN;
	}
	return count;
}

size_t ring_frame(char *frame, size_t len, uint64_t sequence)
{
	struct head head = { .len = len, .sequence = sequence };
	size_t size = aligned(sizeof(head) + len);
	assert(len <= RING_TEXT_MAX);
	memcpy(head.mark, mark, sizeof(mark));
	head.sum = sum_of(&head, frame + sizeof(head));
	memcpy(frame, &head, sizeof(head));
	memset(frame + sizeof(head) + len, 0, size - sizeof(head) - len);
	return size;
}

size_t ring_place(size_t end, size_t frame_size)
{
	return end + frame_size <= RING_SIZE ? end : 0;
}
