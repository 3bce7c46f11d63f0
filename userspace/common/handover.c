// SPDX-License-Identifier: MIT
#include "handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC	0x31676e69722d6863ULL
#define FDS	5U

/* What goes with the descriptors. */
struct message {
	uint64_t	magic;
	uint64_t	region_size;
	uint32_t	sq_entries;
	uint32_t	cq_entries;
};

union control {
	struct cmsghdr	header;
	char		space[CMSG_SPACE(FDS * sizeof(int))];
};

static int address(struct sockaddr_un *un, const char *path)
{
	size_t len = strlen(path);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	memcpy(un->sun_path, path, len);
	return 0;
}

/* ---- descriptors -------------------------------------------------------------- */

static int send_fds(int sock, struct message *m, const int fds[FDS])
{
	struct iovec iov = { m, sizeof(*m) };
	union control control = { .space = { 0 } };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(FDS * sizeof(int));
	memcpy(CMSG_DATA(c), fds, FDS * sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* How many came, in fds. */
static unsigned int take_fds(struct msghdr *msg, int fds[FDS])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t bytes;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), bytes);
	return bytes / sizeof(int);
}

static int receive_fds(int sock, struct message *m, int fds[FDS])
{
	struct iovec iov = { m, sizeof(*m) };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* no room for one more, which the alignment would have */
		.msg_controllen = CMSG_LEN(FDS * sizeof(int)),
	};
	ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	unsigned int nr;

	if (n < 0)
		return -errno;
	nr = take_fds(&msg, fds);
	if (nr == FDS && (size_t)n == sizeof(*m) && m->magic == MAGIC)
		return 0;
	while (nr)
		close(fds[--nr]);
	return -EPROTO;
}

/* ---- the client ---------------------------------------------------------------- */

static int connect_to(const char *path)
{
	struct sockaddr_un un;
	int ret = address(&un, path), sock;

	if (ret)
		return ret;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (!connect(sock, (struct sockaddr *)&un, sizeof(un)))
		return sock;
	ret = -errno;
	close(sock);
	return ret;
}

/* One by who has not listened comes behind that error. */
static int take_answer(int sock)
{
	int32_t result;
	ssize_t n = recv(sock, &result, sizeof(result), 0);

	if (n < 0 && errno == ECONNRESET)
		n = recv(sock, &result, sizeof(result), 0);
	return n == sizeof(result) ? result : -ECONNRESET;
}

/* Ask for the other end to be served. */
static int give(const char *path, const struct handover *h)
{
	struct message m = {
		.magic = MAGIC,
		.region_size = h->region_size,
		.sq_entries = h->config.sq_entries,
		.cq_entries = h->config.cq_entries,
	};
	const int fds[FDS] = { h->fds.memory, h->fds.bell, h->fds.peer_bell,
			       h->fds.life, h->region };
	int sock = connect_to(path), ret;

	if (sock < 0)
		return sock;
	ret = send_fds(sock, &m, fds);
	/* who says no may do so before, and then not listen */
	if (!ret || ret == -EPIPE)
		ret = take_answer(sock);
	close(sock);
	return ret;
}

static int attach(struct scheme_ring **out, struct handover *h,
		  struct scheme_ring_fds *client)
{
	struct scheme_ring *ring;
	int ret = scheme_ring_attach(&ring, SCHEME_RING_CLIENT, &h->config, client);

	if (ret)
		return ret;
	ret = scheme_ring_add_region(ring, h->region, 0, h->region_size);
	if (ret)
		scheme_ring_close(ring);
	else
		*out = ring;
	return ret;
}

int handover_connect(struct scheme_ring **out, const char *path,
		     const struct scheme_ring_config *config, uint64_t pool)
{
	struct handover h = { .config = *config, .region_size = pool };
	struct scheme_ring_fds client;
	int ret;

	h.region = scheme_ring_region_create(pool);
	if (h.region < 0)
		return h.region;
	ret = scheme_ring_setup(config, &client, &h.fds);
	if (ret) {
		close(h.region);
		return ret;
	}
	ret = give(path, &h);
	if (ret)
		scheme_ring_close_fds(&client);
	else
		ret = attach(out, &h, &client);
	handover_close(&h);
	return ret;
}

/* ---- the provider -------------------------------------------------------------- */

/* A socket that nobody listens at any more may be replaced. */
static int remove_stale(const char *path)
{
	struct stat st;
	int sock = connect_to(path);

	if (sock >= 0) {
		close(sock);
		return -EADDRINUSE;
	}
	if (sock == -ECONNREFUSED && !lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	return 0;
}

int handover_listen(const char *path, unsigned int mode)
{
	struct sockaddr_un un;
	int ret = address(&un, path), sock;

	if (!ret)
		ret = remove_stale(path);
	if (ret)
		return ret;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	/* nobody connects before listen() */
	if (!bind(sock, (struct sockaddr *)&un, sizeof(un)) &&
	    !chmod(path, mode) && !listen(sock, 8))
		return sock;
	ret = -errno;
	close(sock);
	return ret;
}

int handover_receive(int connection, struct handover *h)
{
	struct message m = { 0 };
	int fds[FDS];
	int ret = receive_fds(connection, &m, fds);

	if (ret)
		return ret;
	*h = (struct handover){
		.config = { .sq_entries = m.sq_entries, .cq_entries = m.cq_entries },
		.fds = { .memory = fds[0], .bell = fds[1], .peer_bell = fds[2],
			 .life = fds[3] },
		.region = fds[4],
		.region_size = m.region_size,
	};
	return 0;
}

int handover_answer(int connection, int result)
{
	const int32_t answer = result;

	return send(connection, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void handover_close(struct handover *h)
{
	scheme_ring_close_fds(&h->fds);
	if (h->region >= 0)
		close(h->region);
	h->region = -1;
}
