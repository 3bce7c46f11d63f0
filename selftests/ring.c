// SPDX-License-Identifier: GPL-2.0
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inflight.h"

int ring_create(int file, uint32_t sq_entries, uint32_t cq_entries)
{
	struct scheme_ring_info info = {
		.sq_entries = sq_entries,
		.cq_entries = cq_entries,
	};

	return do_ioctl(file, SCHEME_IOC_RING_CREATE, &info);
}

int ring_info(int fd, struct scheme_ring_info *info)
{
	return do_ioctl(fd, SCHEME_IOC_RING_INFO, info);
}

uint32_t ring_state(int fd)
{
	struct scheme_ring_info info = { };

	return ring_info(fd, &info) ? 0 : info.state;
}

int ring_attach(int file, int fd, uint64_t word)
{
	struct scheme_ring_attach arg = { .ring = fd, .word = word };

	return do_ioctl(file, SCHEME_IOC_RING_ATTACH, &arg);
}

/* ---- ends -------------------------------------------------------------------- */

static void *map_part(int fd, uint32_t offset, size_t size, bool mine)
{
	int prot = mine ? PROT_READ | PROT_WRITE : PROT_READ;

	return mmap(NULL, size, prot, MAP_SHARED, fd, offset);
}

int ring_side_map(struct ring_side *s, int fd)
{
	int ret = ring_info(fd, &s->info);
	size_t page = sysconf(_SC_PAGESIZE);
	bool client = s->info.side == SCHEME_RING_SIDE_CLIENT;

	if (ret)
		return ret;
	s->fd = fd;
	s->client = map_part(fd, s->info.client_off, page, client);
	s->prov = map_part(fd, s->info.provider_off, page, !client);
	s->kern = map_part(fd, s->info.kernel_off, page, false);
	s->sq = map_part(fd, s->info.sq_off, s->info.cq_off - s->info.sq_off, client);
	s->cq = map_part(fd, s->info.cq_off, s->info.size - s->info.cq_off, !client);
	if (s->client == MAP_FAILED || s->prov == MAP_FAILED || s->kern == MAP_FAILED ||
	    s->sq == MAP_FAILED || s->cq == MAP_FAILED)
		return -errno;
	return 0;
}

void ring_side_unmap(struct ring_side *s)
{
	size_t page = sysconf(_SC_PAGESIZE);

	munmap(s->client, page);
	munmap(s->prov, page);
	munmap(s->kern, page);
	munmap(s->sq, s->info.cq_off - s->info.sq_off);
	munmap(s->cq, s->info.size - s->info.cq_off);
}

void ring_side_end(struct ring_side *s)
{
	ring_side_unmap(s);
	close(s->fd);
}

int ring_enter(int fd, uint32_t flags, int64_t timeout_ns)
{
	struct scheme_ring_enter arg = { .flags = flags, .timeout_ns = timeout_ns };

	return do_ioctl(fd, SCHEME_IOC_RING_ENTER, &arg);
}

static int accept_end(struct provider *p, struct ring_side *prov)
{
	struct scheme_sqe sqe;
	int ret = queue_expect(&p->q[0], &sqe, SCHEME_OP_RING_ATTACH);
	int fd = ret ? ret : queue_fetch(&p->q[0], sqe.user_data, O_CLOEXEC);

	if (fd < 0)
		return fd;
	ret = ring_side_map(prov, fd);
	queue_answer(&p->q[0], &sqe, ret);
	return ret;
}

int ring_pair_begin(struct ring_pair *pair, struct provider *p, int file,
		    uint32_t sq_entries, uint32_t cq_entries)
{
	struct scheme_ring_attach arg = { .word = 77 };
	struct job job;
	int fd = ring_create(file, sq_entries, cq_entries), ret;

	if (fd < 0)
		return fd;
	ret = ring_side_map(&pair->client, fd);
	if (ret)
		return ret;
	arg.ring = fd;
	job_ioctl(&job, file, SCHEME_IOC_RING_ATTACH, &arg);
	ret = accept_end(p, &pair->prov);
	return ret ? ret : (int)job_wait(&job);
}

void ring_pair_end(struct ring_pair *pair)
{
	ring_side_end(&pair->client);
	ring_side_end(&pair->prov);
}

/* ---- pool and files ------------------------------------------------------------ */

int ring_region_add(int fd, int memory, uint64_t offset, uint64_t size)
{
	struct scheme_ring_region arg = {
		.fd = memory, .offset = offset, .size = size,
	};

	return do_ioctl(fd, SCHEME_IOC_RING_REGION_ADD, &arg);
}

int ring_region(int fd, uint32_t index, uint64_t *offset, uint64_t *size)
{
	struct scheme_ring_region arg = { .index = index };
	int ret = do_ioctl(fd, SCHEME_IOC_RING_REGION, &arg);

	*offset = arg.offset;
	*size = arg.size;
	return ret;
}

void *ring_pool_map(int fd, uint64_t offset, size_t size, int prot)
{
	return mmap(NULL, size, prot, MAP_SHARED, fd, SCHEME_RING_POOL + offset);
}

int ring_file_add(int fd, int file)
{
	struct scheme_ring_file arg = { .fd = file };

	return do_ioctl(fd, SCHEME_IOC_RING_FILE_ADD, &arg);
}

int ring_file(int fd, uint32_t index, struct scheme_ring_file *out)
{
	*out = (struct scheme_ring_file){ .index = index };
	return do_ioctl(fd, SCHEME_IOC_RING_FILE, out);
}

int ring_memfd(size_t size, unsigned int seals)
{
	int fd = memfd_create("pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, seals))
		return -errno;
	return fd;
}

/* ---- entries -------------------------------------------------------------------- */

void ring_submit(struct ring_side *c, const struct scheme_sqe *sqe)
{
	uint32_t tail = c->client->sq_tail;

	c->sq[tail & (c->info.sq_entries - 1)] = *sqe;
	__atomic_store_n(&c->client->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

bool ring_take(struct ring_side *p, struct scheme_sqe *sqe)
{
	uint32_t head = p->prov->sq_head;

	if (__atomic_load_n(&p->client->sq_tail, __ATOMIC_ACQUIRE) == head)
		return false;
	*sqe = p->sq[head & (p->info.sq_entries - 1)];
	__atomic_store_n(&p->prov->sq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

void ring_post(struct ring_side *p, const struct scheme_cqe *cqe)
{
	uint32_t tail = p->prov->cq_tail;

	p->cq[tail & (p->info.cq_entries - 1)] = *cqe;
	__atomic_store_n(&p->prov->cq_tail, tail + 1, __ATOMIC_RELEASE);
}

bool ring_reap(struct ring_side *c, struct scheme_cqe *cqe)
{
	uint32_t head = c->client->cq_head;

	if (__atomic_load_n(&c->prov->cq_tail, __ATOMIC_ACQUIRE) == head)
		return false;
	*cqe = c->cq[head & (c->info.cq_entries - 1)];
	__atomic_store_n(&c->client->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}
