#include "image/watch.h"

#include "base/cleanup.h"
#include "image/filter.h"
#include "image/notice.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- handing over the descriptor ------------------------------------------------------------ */

union control {
    struct cmsghdr align;
    char data[CMSG_SPACE(sizeof(int))];
};

/* Sends the descriptor, or an error. */
static int send_listener(int socket, int listener)
{
    union control control = {.data = {0}};
    struct iovec content = {&listener, sizeof(listener)};
    struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1};

    if (listener >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &listener, sizeof(listener));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Returns the descriptor, or -errno: the child's, or -EPIPE if it has died. */
static int receive_listener(int socket)
{
    union control control = {.data = {0}};
    int result = -EPIPE;
    struct iovec content = {&result, sizeof(result)};
    struct msghdr message = {.msg_iov = &content,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control)};
    ssize_t n;

    while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return -errno;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (n == 0 || result < 0)
        return n == 0 ? -EPIPE : result;
    if (!head || head->cmsg_type != SCM_RIGHTS)
        return -EBADMSG;
    memcpy(&result, CMSG_DATA(head), sizeof(result));
    return result;
}

/* ---- the child ------------------------------------------------------------------------------ */

struct child {
    pid_t pid;
    int pidfd;
    int listener;
};

static _Noreturn void run_child(int socket, int (*function)(void *data), void *data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = filter_install();
    int r = send_listener(socket, listener);
    closep(&listener);
    close(socket);
    _exit(r < 0 || listener < 0 ? EXIT_FAILURE : function(data));
}

static int fork_child(int (*function)(void *data), void *data, struct child *ret, int *ret_socket)
{
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    pid_t pid = fork();
    int r = -errno;
    if (pid == 0) {
        close(sockets[0]);
        run_child(sockets[1], function, data);
    }
    close(sockets[1]);
    if (pid < 0) {
        close(sockets[0]);
        return r;
    }
    *ret = (struct child){.pid = pid, .pidfd = -1, .listener = -1};
    *ret_socket = sockets[0];
    return 0;
}

static int end_child(struct child *child)
{
    int status = 0;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    closep(&child->pidfd);
    closep(&child->listener);
    return status;
}

static int start_child(int (*function)(void *data), void *data, struct child *ret)
{
    _cleanup_(closep) int socket = -1;
    int r = fork_child(function, data, ret, &socket);

    if (r < 0)
        return r;
    ret->listener = receive_listener(socket);
    ret->pidfd = ret->listener >= 0 ? (int)syscall(SYS_pidfd_open, ret->pid, 0) : -1;
    if (ret->pidfd >= 0)
        return 0;
    r = ret->listener < 0 ? ret->listener : -errno;
    kill(ret->pid, SIGKILL);
    end_child(ret);
    return r;
}

/* ---- the supervisor ------------------------------------------------------------------------- */

/* Kernels may have larger structs than the headers, and write all of them. */
enum { NOTICE_ROOM = 1024 };

static int check_sizes(void)
{
    struct seccomp_notif_sizes sizes;

    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
        return -errno;
    return sizes.seccomp_notif <= NOTICE_ROOM && sizes.seccomp_notif_resp <= NOTICE_ROOM
        ? 0
        : -EOPNOTSUPP;
}

/* ENOENT: the process has been killed, or a signal has interrupted the call, which it repeats. */
static int answer_call(struct recorder *recorder, int listener)
{
    _Alignas(struct seccomp_notif) char call[NOTICE_ROOM] = {0};
    _Alignas(struct seccomp_notif_resp) char room[NOTICE_ROOM] = {0};
    struct seccomp_notif notice;
    struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, call) < 0)
        return errno == ENOENT || errno == EINTR ? 0 : -errno;
    memcpy(&notice, call, sizeof(notice));
    notice_record(recorder, &notice); /* of a killed process: at worst a path too many */
    answer.id = notice.id;
    memcpy(room, &answer, sizeof(answer));
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, room) < 0)
        return errno == ENOENT || errno == EINTR ? 0 : -errno;
    return 0;
}

/* Returns 1 when the child has ended. Its last calls, and those of its children, come first. */
static int supervise_once(struct recorder *recorder, const struct child *child, usec_t deadline)
{
    struct pollfd polled[] = {
        {.fd = child->listener, .events = POLLIN},
        {.fd = child->pidfd, .events = POLLIN},
    };

    if (deadline_poll_timeout(deadline) == 0)
        return -ETIMEDOUT;
    if (poll(polled, 2, deadline_poll_timeout(deadline)) < 0)
        return errno == EINTR ? 0 : -errno;
    if (polled[0].revents & POLLIN)
        return answer_call(recorder, child->listener);
    return polled[1].revents ? 1 : 0;
}

static int supervise(struct recorder *recorder, const struct child *child, usec_t deadline)
{
    int r;

    while ((r = supervise_once(recorder, child, deadline)) == 0)
        if (recorder->failure != 0)
            return recorder->failure;
    return r < 0 ? r : 0;
}

static int report_start(int error, struct problem *ret_problem)
{
    if (error == -EBUSY)
        return problem_set(ret_problem, error,
            "the import cannot be watched: another program watches this one with seccomp(2)");
    errno = -error;
    return problem_set(ret_problem, error, "the import cannot be watched: seccomp(2): %m");
}

static int report_end(const struct recorder *recorder, int error, struct problem *ret_problem)
{
    if (recorder->failure != 0)
        return problem_set(ret_problem, error, "%s", recorder->problem.text);
    if (error == -ETIMEDOUT)
        return problem_set(ret_problem, error, "the import has not ended in time");
    errno = -error;
    return problem_set(ret_problem, error, "the import cannot be watched: %m");
}

int watch_run(struct recorder *recorder, int (*function)(void *data), void *data, usec_t deadline,
    int *ret_status, struct problem *ret_problem)
{
    struct child child = {.pidfd = -1, .listener = -1};
    int r = check_sizes();

    if (r == 0)
        r = start_child(function, data, &child);
    if (r < 0)
        return report_start(r, ret_problem);
    r = supervise(recorder, &child, deadline);
    if (r < 0)
        kill(child.pid, SIGKILL);
    int status = end_child(&child);
    if (r < 0)
        return report_end(recorder, r, ret_problem);
    *ret_status = status;
    return 0;
}
