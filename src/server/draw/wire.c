/* Sockets that carry bytes and descriptors. */
#define _GNU_SOURCE
#include "server/draw/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool vdt_wire_send(int fd, const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        ssize_t sent = send(fd, from, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        from += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool vdt_wire_receive(int fd, void *data, size_t size)
{
    char *to = data;
    while (size > 0) {
        ssize_t got = recv(fd, to, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = 0;
        if (got <= 0)
            return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

bool vdt_wire_send_fds(int fd, const void *data, size_t size, const int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(VDT_FDS_A_MESSAGE * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size;
}

/* Takes the descriptors of a message; those that are too many or too few are closed. */
static bool take_fds(struct msghdr *message, int *fds, size_t count)
{
    size_t taken = 0;
    bool good = (message->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
         head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t sent = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < sent; i++) {
            int got;
            memcpy(&got, CMSG_DATA(head) + i * sizeof got, sizeof got);
            if (taken < count)
                fds[taken++] = got;
            else {
                close(got);
                good = false;
            }
        }
    }
    if (good && taken == count)
        return true;
    for (size_t i = 0; i < taken; i++)
        close(fds[i]);
    return false;
}

ssize_t vdt_wire_receive_fds(int fd, void *data, size_t size, int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(VDT_FDS_A_MESSAGE * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got;
    if (take_fds(&message, fds, count))
        return got;
    errno = EBADMSG;
    return -1;
}
