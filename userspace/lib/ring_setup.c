// SPDX-License-Identifier: MIT
/*
 * Direct rings over plain shared memory: layout, descriptors, mapping.
 */
#include "ring_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#define DEFAULT_SQ	256U
#define IN_FLIGHT_MAX	(2 * SCHEME_RING_ENTRIES_MAX)

static const struct scheme_ring_fds no_fds = { -1, -1, -1, -1 };

/* ---- layout ----------------------------------------------------------------- */

int ring_config(struct scheme_ring_config *c)
{
	if (!c->sq_entries)
		c->sq_entries = DEFAULT_SQ;
	if (!c->cq_entries && c->sq_entries < SCHEME_RING_ENTRIES_MAX)
		c->cq_entries = 2 * c->sq_entries;
	if (!c->cq_entries)
		c->cq_entries = SCHEME_RING_ENTRIES_MAX;
	if (!ring_size_ok(c->sq_entries) || !ring_size_ok(c->cq_entries) ||
	    c->sq_entries > SCHEME_RING_ENTRIES_MAX ||
	    c->cq_entries > SCHEME_RING_ENTRIES_MAX)
		return -EINVAL;
	if (!c->in_flight)
		c->in_flight = c->sq_entries + c->cq_entries;
	if (c->in_flight > IN_FLIGHT_MAX || c->spin_us > RING_SPIN_MAX_US)
		return -EINVAL;
	return 0;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t pages(size_t bytes)
{
	size_t page = page_size();

	return (bytes + page - 1) & ~(page - 1);
}

struct ring_layout ring_layout(const struct scheme_ring_config *c)
{
	size_t page = page_size();
	struct ring_layout l = {
		.client = 0,
		.provider = page,
		.kernel = 2 * page,
		.sq = 3 * page,
	};

	l.cq = l.sq + pages(c->sq_entries * sizeof(struct scheme_sqe));
	l.size = l.cq + pages(c->cq_entries * sizeof(struct scheme_cqe));
	return l;
}

/* ---- an end over memory ------------------------------------------------------ */

static void lay_client(struct scheme_ring *r, struct scheme_ring_client *mine,
		       const struct scheme_ring_provider *peer,
		       const struct scheme_ring_config *c)
{
	r->put = (struct ring_end){ &mine->sq_tail, &peer->sq_head,
				    ring_load(&mine->sq_tail), c->sq_entries, 0 };
	r->take = (struct ring_end){ &mine->cq_head, &peer->cq_tail,
				     ring_load(&mine->cq_head), c->cq_entries, 0 };
	r->flags = &mine->flags;
	r->peer_flags = &peer->flags;
}

static void lay_provider(struct scheme_ring *r,
			 struct scheme_ring_provider *mine,
			 const struct scheme_ring_client *peer,
			 const struct scheme_ring_config *c)
{
	r->put = (struct ring_end){ &mine->cq_tail, &peer->cq_head,
				    ring_load(&mine->cq_tail), c->cq_entries, 0 };
	r->take = (struct ring_end){ &mine->sq_head, &peer->sq_tail,
				     ring_load(&mine->sq_head), c->sq_entries, 0 };
	r->flags = &mine->flags;
	r->peer_flags = &peer->flags;
}

static int init_client(struct scheme_ring *r, const struct scheme_ring_config *c)
{
	int ret;

	r->staged = calloc(c->sq_entries, sizeof(*r->staged));
	if (!r->staged)
		return -ENOMEM;
	ret = flights_init(&r->flights, c->in_flight);
	if (ret)
		free(r->staged);
	return ret;
}

int ring_init(struct scheme_ring *r, enum scheme_ring_side side,
	      const struct scheme_ring_config *c, void *mem,
	      const struct ring_layout *l, const struct ring_bell_ops *bell)
{
	uint8_t *base = mem;
	struct scheme_ring_client *client = (void *)(base + l->client);
	struct scheme_ring_provider *prov = (void *)(base + l->provider);

	memset(r, 0, sizeof(*r));
	r->side = side;
	r->end = r->poll_fd = r->self_fd = -1;
	r->fds = no_fds;
	r->bell = bell;
	r->kern = (void *)(base + l->kernel);
	r->peer_wants = &r->kern->wants[side == SCHEME_RING_CLIENT ?
		SCHEME_RING_SIDE_PROVIDER : SCHEME_RING_SIDE_CLIENT];
	r->sqes = (void *)(base + l->sq);
	r->cqes = (void *)(base + l->cq);
	r->spin_ns = (uint64_t)c->spin_us * 1000;
	if (side == SCHEME_RING_PROVIDER)
		lay_provider(r, prov, client, c);
	else
		lay_client(r, client, prov, c);
	ring_begin_put(&r->put);
	ring_begin_take(&r->take);
	return side == SCHEME_RING_CLIENT ? init_client(r, c) : 0;
}

void ring_uninit(struct scheme_ring *r)
{
	pool_uninit(r);
	if (r->side == SCHEME_RING_CLIENT) {
		flights_uninit(&r->flights);
		free(r->staged);
	}
}

/* ---- memory ------------------------------------------------------------------ */

int sealed_memory(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ret;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/*
 * Memory that the other side can take away would kill us where we look at it. No seal
 * keeps it from making holes: in shmem the next look fills one, but one of huge pages
 * does so only while there are some to spare. The module takes no such memory either.
 */
int check_sealed(int fd, uint64_t size)
{
	struct stat st;
	struct statfs fs;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return errno == EBADF ? -EBADF : -EINVAL;
	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return -errno;
	if (fs.f_type == HUGETLBFS_MAGIC)
		return -EOPNOTSUPP;
	return seals & F_SEAL_SHRINK && (uint64_t)st.st_size >= size ? 0 : -EINVAL;
}

/*
 * What the module will do by page tables, as far as a process can do it to
 * itself. The owner's page is written by both, each for its own end.
 */
static int protect(const struct scheme_ring *r, const struct ring_layout *l)
{
	uint8_t *base = r->mem;
	bool client = r->side == SCHEME_RING_CLIENT;
	size_t sq = l->cq - l->sq, cq = l->size - l->cq, page = page_size();

	if (mprotect(base + (client ? l->provider : l->client), page, PROT_READ) ||
	    mprotect(base + (client ? l->cq : l->sq), client ? cq : sq, PROT_READ))
		return -errno;
	return 0;
}

/* ---- descriptors ------------------------------------------------------------- */

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

void scheme_ring_close_fds(struct scheme_ring_fds *fds)
{
	close_one(fds->memory);
	close_one(fds->bell);
	close_one(fds->peer_bell);
	close_one(fds->life);
	*fds = no_fds;
}

static int new_fds(struct scheme_ring_fds *fds)
{
	fds->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fds->bell < 0 ? -errno : 0;
}

static int copy_fd(int fd, int *copy)
{
	*copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return *copy < 0 ? -errno : 0;
}

static int fill_fds(const struct scheme_ring_config *c,
		    struct scheme_ring_fds *client,
		    struct scheme_ring_fds *provider)
{
	int life[2], ret;

	client->memory = sealed_memory("scheme-ring", ring_layout(c).size);
	if (client->memory < 0)
		return client->memory;
	ret = copy_fd(client->memory, &provider->memory);
	if (!ret)
		ret = new_fds(client);
	if (!ret)
		ret = new_fds(provider);
	if (!ret)
		ret = copy_fd(client->bell, &provider->peer_bell);
	if (!ret)
		ret = copy_fd(provider->bell, &client->peer_bell);
	if (ret)
		return ret;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, life))
		return -errno;
	client->life = life[0];
	provider->life = life[1];
	return 0;
}

int scheme_ring_setup(const struct scheme_ring_config *config,
		      struct scheme_ring_fds *client,
		      struct scheme_ring_fds *provider)
{
	struct scheme_ring_config c = *config;
	int ret = ring_config(&c);

	*client = *provider = no_fds;
	if (ret)
		return ret;
	ret = fill_fds(&c, client, provider);
	if (ret) {
		scheme_ring_close_fds(client);
		scheme_ring_close_fds(provider);
	}
	return ret;
}

/* ---- attach ------------------------------------------------------------------ */

static int map_ring(struct scheme_ring *r, enum scheme_ring_side side,
		    const struct scheme_ring_config *c, int fd)
{
	struct ring_layout l = ring_layout(c);
	int ret = check_sealed(fd, l.size);
	void *mem;

	if (ret)
		return ret;
	mem = mmap(NULL, l.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	madvise(mem, l.size, MADV_DONTFORK);
	ret = ring_init(r, side, c, mem, &l, &ring_eventfd_ops);
	if (ret) {
		munmap(mem, l.size);
		return ret;
	}
	r->mem = mem;
	r->mem_size = l.size;
	return protect(r, &l);
}

static void unmap_ring(struct scheme_ring *r)
{
	if (!r->mem)
		return;
	ring_uninit(r);
	munmap(r->mem, r->mem_size);
}

int scheme_ring_attach(struct scheme_ring **out, enum scheme_ring_side side,
		       const struct scheme_ring_config *config,
		       struct scheme_ring_fds *fds)
{
	struct scheme_ring_config c = *config;
	struct scheme_ring *r = calloc(1, sizeof(*r));
	int ret = r ? ring_config(&c) : -ENOMEM;

	if (!ret && side != SCHEME_RING_CLIENT && side != SCHEME_RING_PROVIDER)
		ret = -EINVAL;
	if (!ret)
		ret = map_ring(r, side, &c, fds->memory);
	if (ret) {
		if (r)
			unmap_ring(r);
		free(r);
		scheme_ring_close_fds(fds);
		return ret;
	}
	r->fds = *fds;
	*fds = no_fds;
	*out = r;
	return 0;
}

void scheme_ring_close(struct scheme_ring *r)
{
	ring_end_side(r);
	unmap_ring(r);
	close_one(r->poll_fd);
	close_one(r->end);
	scheme_ring_close_fds(&r->fds);
	free(r);
}
