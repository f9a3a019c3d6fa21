/* What all kernels share. C11, no dependencies; nothing here touches Python. */
#ifndef WATCHPOST_KERNELS_H
#define WATCHPOST_KERNELS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define KERNEL __declspec(dllexport)
#else
#define KERNEL __attribute__((visibility("default")))
#endif

#endif
