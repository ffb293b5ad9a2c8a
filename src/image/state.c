#include "image/state.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static long change_action(int signal, const struct image_action *new, struct image_action *ret_old)
{
    return syscall(SYS_rt_sigaction, signal, new, ret_old, sizeof(uint64_t));
}

int image_state_save(struct image_state *ret)
{
    for (int i = 0; i < IMAGE_SIGNALS; i++)
        if (change_action(i + 1, NULL, &ret->actions[i]) < 0)
            return -errno;
    return sigaltstack(NULL, &ret->stack) < 0 ? -errno : 0;
}

int image_state_restore(const struct image_state *state)
{
    for (int i = 0; i < IMAGE_SIGNALS; i++)
        if (i + 1 != SIGKILL && i + 1 != SIGSTOP &&
            change_action(i + 1, &state->actions[i], NULL) < 0)
            return -errno;
    return sigaltstack(&state->stack, NULL) < 0 ? -errno : 0;
}
