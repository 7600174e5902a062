#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#ifdef __linux__
#include <pthread.h>
/* Declared by the C library only for _GNU_SOURCE, which Swift's importer does not define. */
int pthread_setname_np(pthread_t thread, const char *name);
#endif

#ifdef __GLIBC__
#include <malloc.h>
#endif
/* Gives memory that was freed back to the system, where the C library would keep it for the next use. */
static inline void crdkafka_return_freed_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
