/* Starting a program that lives on when we end, and talking to the kernel about ourselves. */
#ifndef HOWDAH_IO_PROCESS_H
#define HOWDAH_IO_PROCESS_H

#include "base/err.h"

/* Starts argv detached (own session, parent is init); standard error goes where ours goes. */
MUST_CHECK bool process_start_detached(char *const argv[], struct err *err);

/* Takes an exclusive flock for the rest of our life; waits up to timeout_ms for another holder to end. */
MUST_CHECK bool process_single_instance(const char *lock_path, int64_t timeout_ms, struct err *err);

/* The directory our own executable lies in. */
MUST_CHECK bool process_self_dir(char *dir, size_t size, struct err *err);

#endif
