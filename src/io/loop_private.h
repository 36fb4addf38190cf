/* What the files of this layer need of the loop beyond io/loop.h. */
#ifndef HOWDAH_IO_LOOP_PRIVATE_H
#define HOWDAH_IO_LOOP_PRIVATE_H

#include "io/loop.h"

struct uv_loop_s *loop_uv(struct loop *loop);

/* The web server joins the loop with its first server and stays as long as the loop: when that is destroyed, it is told
 * to leave, and may turn the loop for that. */
void *loop_guest(struct loop *loop); /* NULL: none yet */
void loop_set_guest(struct loop *loop, void *guest, void (*leave)(void *guest));
void loop_turn(struct loop *loop);

#endif
