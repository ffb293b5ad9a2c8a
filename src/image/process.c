#include "image/process.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RSEQ_SIZE 32

long process_read(const char *path, char *buffer, size_t size)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    while (used < size && (n = read(fd, buffer + used, size - used)) != 0) {
        if (n < 0)
            return -errno;
        used += (size_t)n;
    }
    return used < size ? (long)used : -E2BIG;
}

int64_t process_boot_time(void)
{
    struct timespec now, up;

    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return now.tv_sec - up.tv_sec;
}

/* ---- layout --------------------------------------------------------------------------------- */

/* The number of a field of /proc/self/stat, as in proc(5), and where it goes. */
static const struct {
    int field;
    size_t offset;
} layout_fields[] = {
    {26, offsetof(struct prctl_mm_map, start_code)},
    {27, offsetof(struct prctl_mm_map, end_code)},
    {28, offsetof(struct prctl_mm_map, start_stack)},
    {45, offsetof(struct prctl_mm_map, start_data)},
    {46, offsetof(struct prctl_mm_map, end_data)},
    {47, offsetof(struct prctl_mm_map, start_brk)},
    {48, offsetof(struct prctl_mm_map, arg_start)},
    {49, offsetof(struct prctl_mm_map, arg_end)},
    {50, offsetof(struct prctl_mm_map, env_start)},
    {51, offsetof(struct prctl_mm_map, env_end)},
};

/* The text begins with field 3. Returns whether all fields are there. */
static bool parse_layout(const char *text, struct prctl_mm_map *ret)
{
    size_t next = 0;

    for (int field = 3; next < sizeof(layout_fields) / sizeof(layout_fields[0]); field++) {
        if (!text)
            return false;
        if (layout_fields[next].field == field) {
            uint64_t value = strtoull(text, NULL, 10);
            memcpy((char *)ret + layout_fields[next].offset, &value, sizeof(value));
            next++;
        }
        text = strchr(text, ' ');
        text = text ? text + 1 : NULL;
    }
    return true;
}

int process_read_layout(struct prctl_mm_map *ret)
{
    char text[4096];
    long size = process_read("/proc/self/stat", text, sizeof(text) - 1);

    if (size < 0)
        return (int)size;
    text[size] = '\0';
    const char *fields = strrchr(text, ')'); /* the end of the program's name */
    *ret = (struct prctl_mm_map){.exe_fd = (uint32_t)-1};
    ret->brk = (uint64_t)syscall(SYS_brk, 0);
    return fields && fields[1] == ' ' && parse_layout(fields + 2, ret) ? 0 : -EINVAL;
}

bool process_can_set_layout(void)
{
    unsigned size = 0;

    return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0 &&
        size == sizeof(struct prctl_mm_map);
}

/* ---- rseq ----------------------------------------------------------------------------------- */

#if defined(__x86_64__) && defined(SYS_rseq)

/* In sys/rseq.h, but not in older C libraries. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

/* Whether the kernel has registered the address with this size: then it refuses to register it
 * again with EBUSY, and with another size with EINVAL. */
static bool is_registered(uint64_t address)
{
    return syscall(SYS_rseq, address, RSEQ_SIZE, 0, PROCESS_RSEQ_SIGNATURE) < 0 && errno == EBUSY;
}

int process_find_rseq(uint64_t *ret_address, uint64_t *ret_size)
{
    uint64_t thread_pointer = (uint64_t)__builtin_thread_pointer();
    bool has_rseq = &__rseq_offset && &__rseq_size && __rseq_size > 0;
    uint64_t address = has_rseq ? thread_pointer + (uint64_t)__rseq_offset : 0;

    if (has_rseq && !is_registered(address))
        return -ENOTSUP;
    *ret_address = address;
    *ret_size = has_rseq ? RSEQ_SIZE : 0;
    return 0;
}

#else

int process_find_rseq(uint64_t *ret_address, uint64_t *ret_size)
{
    *ret_address = 0;
    *ret_size = 0;
    return -ENOTSUP;
}

#endif
