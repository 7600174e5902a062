#pragma once
/* prctl(2) takes a variable number of arguments, which Swift can't call. */
#ifdef __linux__
#include <sys/prctl.h>
/* Denies other processes of the same user, and the kernel's core dumps, a look into this one; 0 or -1 with errno. */
static inline int cprocess_deny_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
/* 1 where the process may be dumped and traced, 0 where not. */
static inline int cprocess_allows_dumps(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }
#endif
