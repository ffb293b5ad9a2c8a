#include "image/calls.h"

#include <sys/syscall.h>

/* clang-format off */
#define CALL(name, kind, directory, path, flags) \
    {SYS_##name, CALL_##kind, directory, path, flags, #name}

static const struct call calls[] = {
#ifdef SYS_open /* architectures of before 2012 have these; the others only those with "at" */
    CALL(open, OPEN, -1, 0, 1),
    CALL(stat, FOLLOW, -1, 0, -1),
    CALL(lstat, LINK, -1, 0, -1),
    CALL(access, FOLLOW, -1, 0, -1),
    CALL(readlink, LINK, -1, 0, -1),
    CALL(mkdir, CREATE, -1, 0, -1),
    CALL(unlink, TAKE, -1, 0, -1),
    CALL(rmdir, TAKE, -1, 0, -1),
    CALL(link, TAKE, -1, 0, -1),
    CALL(link, CREATE, -1, 1, -1),
    CALL(symlink, CREATE, -1, 1, -1),
    CALL(mknod, CREATE, -1, 0, -1),
    CALL(rename, TAKE, -1, 0, -1),
    CALL(getdents, LIST, 0, -1, -1),
#endif
#ifdef SYS_renameat
    CALL(renameat, TAKE, 0, 1, -1),
#endif
#ifdef SYS_newfstatat
    CALL(newfstatat, AT_FLAGS, 0, 1, 3),
#endif
    CALL(openat, OPEN, 0, 1, 2),
    CALL(openat2, OPENAT2, 0, 1, 2),
    CALL(statx, AT_FLAGS, 0, 1, 2),
    CALL(faccessat, FOLLOW, 0, 1, -1),
    CALL(faccessat2, AT_FLAGS, 0, 1, 3),
    CALL(readlinkat, LINK, 0, 1, -1),
    CALL(mkdirat, CREATE, 0, 1, -1),
    CALL(unlinkat, TAKE, 0, 1, -1),
    CALL(linkat, TAKE, 0, 1, -1),
    CALL(linkat, CREATE, 2, 3, -1),
    CALL(symlinkat, CREATE, 1, 2, -1),
    CALL(mknodat, CREATE, 0, 1, -1),
    CALL(renameat2, TAKE, 0, 1, -1),
    CALL(renameat2, RENAME, 2, 3, 4),
    CALL(getdents64, LIST, 0, -1, -1),
    CALL(execve, EXECUTE, -1, 0, -1),
    CALL(execveat, EXECUTE, 0, 1, -1),
    CALL(chdir, FOLLOW, -1, 0, -1),
    CALL(statfs, FOLLOW, -1, 0, -1),
    CALL(getxattr, FOLLOW, -1, 0, -1),
    CALL(lgetxattr, LINK, -1, 0, -1),
    CALL(listxattr, FOLLOW, -1, 0, -1),
    CALL(llistxattr, LINK, -1, 0, -1),
    CALL(inotify_add_watch, FOLLOW, -1, 1, -1),
    CALL(name_to_handle_at, FOLLOW, 0, 1, -1),
    CALL(open_by_handle_at, REFUSED, -1, -1, -1),
    CALL(chroot, REFUSED, -1, -1, -1),
    CALL(pivot_root, REFUSED, -1, -1, -1),
    CALL(mount, REFUSED, -1, -1, -1),
    CALL(umount2, REFUSED, -1, -1, -1),
    CALL(move_mount, REFUSED, -1, -1, -1),
    CALL(open_tree, REFUSED, -1, -1, -1),
#ifdef SYS_landlock_restrict_self
    CALL(landlock_restrict_self, REFUSED, -1, -1, -1), /* nothing shows it */
#endif
    CALL(setns, REFUSED, -1, -1, -1),
    CALL(unshare, REFUSED, -1, -1, -1),
};
/* clang-format on */

size_t calls_get(const struct call **ret)
{
    *ret = calls;
    return sizeof(calls) / sizeof(calls[0]);
}

const struct call *calls_next(int number, const struct call *after)
{
    const struct call *end = calls + sizeof(calls) / sizeof(calls[0]);

    for (const struct call *call = after ? after + 1 : calls; call < end; call++)
        if (call->number == number)
            return call;
    return NULL;
}
