#include "image/filter.h"

#include "image/calls.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_INSTRUCTIONS = 2 * 128 + 16 };

struct program {
    struct sock_filter code[MAX_INSTRUCTIONS];
    unsigned short size;
};

static void add(struct program *program, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
    program->code[program->size++] = (struct sock_filter){code, jt, jf, k};
}

static void add_load(struct program *program, size_t offset)
{
    add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void add_return(struct program *program, uint32_t action)
{
    add(program, BPF_RET | BPF_K, action, 0, 0);
}

/* Returns the action if the loaded value is k. */
static void add_if(struct program *program, uint32_t k, uint32_t action)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
    add_return(program, action);
}

/* Numbers of x32, and any other architecture, are reported. */
static void add_architecture(struct program *program)
{
    add_load(program, offsetof(struct seccomp_data, arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0);
    add_return(program, SECCOMP_RET_USER_NOTIF);
    add_load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    add(program, BPF_JMP | BPF_JGE | BPF_K, 0x40000000 /* __X32_SYSCALL_BIT */, 0, 1);
    add_return(program, SECCOMP_RET_USER_NOTIF);
#endif
}

static void make_program(struct program *ret)
{
    const struct call *calls;
    size_t count = calls_get(&calls);

    ret->size = 0;
    add_architecture(ret);
    for (size_t i = 0; i < count; i++)
        add_if(ret, (uint32_t)calls[i].number, SECCOMP_RET_USER_NOTIF);
    add_if(ret, SYS_io_uring_setup, SECCOMP_RET_ERRNO | ENOSYS);
    add_return(ret, SECCOMP_RET_ALLOW);
}

int filter_install(void)
{
    struct program program;

    if (FILTER_ARCH == 0)
        return -EOPNOTSUPP;
    make_program(&program);
    struct sock_fprog filter = {.len = program.size, .filter = program.code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    long fd =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    return fd < 0 ? -errno : (int)fd;
}
