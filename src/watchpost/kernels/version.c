/* Which calls this library answers; raised whenever a signature changes. */
#include "kernels.h"

KERNEL int64_t wp_version(void) { return 1; }
