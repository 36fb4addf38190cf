/* howdahctl as a plug-in of kubectl. */
#ifndef HOWDAH_CLI_PLUGIN_H
#define HOWDAH_CLI_PLUGIN_H

#include "base/err.h"

/* Whether `program` was called as `kubectl howdah`, and nothing says that it is to ask the store and the members itself. */
bool plugin_is_wanted(const char *program, int argc, const char *const argv[]);

/* Becomes `kubectl exec` of the same command in a pod of the cluster: kubectl's -n, --namespace, --context and --kubeconfig, and --scope, may
 * stand before the command. Returns only when that is not possible. */
bool plugin_run(int argc, const char *const argv[], struct err *err);

#endif
