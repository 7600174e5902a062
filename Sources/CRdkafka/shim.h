#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#ifdef __linux__
#include <pthread.h>
/* Declared by the C library only for _GNU_SOURCE, which Swift's importer does not define. */
int pthread_setname_np(pthread_t thread, const char *name);
#endif
