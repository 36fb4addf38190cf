/* The flight recorder's file: the last records of a bounded area, the oldest overwritten.
 *
 * Every record stands for itself (mark, length, sequence number, checksum, text), begins at a multiple of 8 and does
 * not wrap. So a reader needs no cooperation of the writer: what is torn or half overwritten does not check and is
 * passed over. In the byte order of the machine: it never leaves it. */
#ifndef HOWDAH_CODEC_RING_H
#define HOWDAH_CODEC_RING_H

#include "base/base.h"

enum { RING_SIZE = 2 * 1024 * 1024, RING_TEXT_MAX = 256 * 1024, RING_HEAD_SIZE = 32 };
#define RING_FILE "turns" /* in the run directory */

struct ring_entry {
	uint64_t sequence;
	const char *text; /* in the bytes that were given; no NUL behind it */
	size_t len;
	size_t end; /* where the next one may begin */
};

/* Finds the newest `max` records, the oldest of them first; returns how many. */
int ring_find(const char *bytes, size_t size, struct ring_entry *entries, int max);

/* `frame` holds a text of len bytes behind RING_HEAD_SIZE bytes of room, and 7 more behind it; fills the head and
 * returns how many bytes to write. */
size_t ring_frame(char *frame, size_t len, uint64_t sequence);

/* Where a frame of `frame_size` goes when the last one ended at `end`. */
size_t ring_place(size_t end, size_t frame_size);

#endif
