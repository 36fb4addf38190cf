/* Requests that ask for something to be done (contract 3.9 to 3.14): each is answered at once, or becomes an order. */
#ifndef HOWDAH_SRC_REST_ORDERS_H
#define HOWDAH_SRC_REST_ORDERS_H

#include "asked.h"

answer_fn order_config_merge, order_config_replace;
answer_fn order_switchover, order_failover, order_switchover_cancel;
answer_fn order_restart, order_restart_cancel;
answer_fn order_reload, order_reinitialize, order_failsafe;

/* What this program has not: it says so instead of saying OK and doing nothing. */
answer_fn refuse_sigterm, refuse_citus;

#endif
