#pragma once

/* What the kernel tells about this process, in /proc/self and by system calls. Does not allocate,
 * unless the header says so. */

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

/* Reads a file, at most `size` bytes. Returns their number, or -errno; -E2BIG if there are more. */
long process_read(const char *path, char *buffer, size_t size);

/* When the system was started: seconds since 1970, give or take one. A step of the clock moves it.
 */
int64_t process_boot_time(void);

/* Reads where the parts of the program are (/proc/self/stat): all members but auxv, auxv_size and
 * exe_fd, which become NULL, 0 and -1. Returns 0 or -errno. */
int process_read_layout(struct prctl_mm_map *ret);

#define PROCESS_RSEQ_SIGNATURE 0x53053053 /* of glibc on x86 */

/* The restartable sequences of this thread that the C library has registered. *ret_address is 0 if
 * there are none. Returns 0, or -ENOTSUP if they have another size than this program knows. */
int process_find_rseq(uint64_t *ret_address, uint64_t *ret_size);

/* Whether the kernel can move parts of a program (PR_SET_MM_MAP). */
bool process_can_set_layout(void);
