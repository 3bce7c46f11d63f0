// SPDX-License-Identifier: MIT
/*
 * Ends of a direct ring that are the module's descriptors: doorbell and sleep are
 * one command, the end of the other side is a bit that only the kernel writes, and
 * each part of the memory is mapped with the rights that its side has.
 */
/* The pool begins beyond 32 bits. */
#define _FILE_OFFSET_BITS 64

#include "int.h"
#include "ring_int.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- doorbell ----------------------------------------------------------------- */

static int enter(const struct scheme_ring *r, uint32_t flags, int64_t timeout_ns)
{
	struct scheme_ring_enter args = {
		.flags = flags,
		.timeout_ns = timeout_ns,
	};

	return ioctl_errno(r->end, SCHEME_IOC_RING_ENTER, &args);
}

/* Who is not there is not woken. */
static void module_doorbell(struct scheme_ring *r)
{
	enter(r, SCHEME_RING_NOTIFY, 0);
}

/*
 * A thread of ours may be in a poll(2), which does not see that doorbell. If it is
 * not yet, it looks for what we have before it polls.
 */
static void module_self(struct scheme_ring *r)
{
	if (r->self_fd >= 0 && atomic_load(&r->polled))
		eventfd_write(r->self_fd, 1);
	else if (!r->in_loop)
		enter(r, SCHEME_RING_NOTIFY_SELF, 0);
}

static int module_wait(struct scheme_ring *r, bool ring, int64_t timeout_ns)
{
	uint32_t flags = SCHEME_RING_WAIT | (ring ? SCHEME_RING_NOTIFY : 0);
	int ret = enter(r, flags, timeout_ns);

	if (ret != -ESHUTDOWN)
		return ret < 0 ? ret : 0;
	r->gone = true;
	return 0;
}

/* The end of our side is the close of its descriptor and mappings. */
static void module_mark(struct scheme_ring *r, uint32_t state)
{
	if (state & SCHEME_RING_BROKEN)
		enter(r, SCHEME_RING_BREAK, 0);
}

static int module_poll_fd(struct scheme_ring *r)
{
	return r->end;
}

const struct ring_bell_ops ring_module_ops = {
	.doorbell = module_doorbell,
	.self = module_self,
	.wait = module_wait,
	.mark = module_mark,
	.poll_fd = module_poll_fd,
	.polls = true,
};

/* ---- memory -------------------------------------------------------------------- */

struct part {
	uint64_t	at, bytes;
	bool		client, provider;	/* may write it */
};

#define PARTS	5

static void parts_of(const struct scheme_ring_info *i, struct part *p)
{
	p[0] = (struct part){ i->client_off, sizeof(struct scheme_ring_client),
			      true, false };
	p[1] = (struct part){ i->provider_off, sizeof(struct scheme_ring_provider),
			      false, true };
	p[2] = (struct part){ i->kernel_off, sizeof(struct scheme_ring_kernel),
			      false, false };
	p[3] = (struct part){ i->sq_off, i->sq_entries * sizeof(struct scheme_sqe),
			      true, false };
	p[4] = (struct part){ i->cq_off, i->cq_entries * sizeof(struct scheme_cqe),
			      false, true };
}

static bool parts_ok(const struct scheme_ring_info *info, const struct part *p)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (info->size > SIZE_MAX || info->size % page)
		return false;
	for (unsigned int i = 0; i < PARTS; i++)
		if (p[i].at % page || p[i].at > info->size ||
		    p[i].bytes > info->size - p[i].at)
			return false;
	return true;
}

/* One range of addresses, and in it each part with the rights of its side. */
static void *map_parts(const struct scheme_ring_info *info, const struct part *p,
		       int fd)
{
	size_t size = (size_t)info->size;
	bool client = info->side == SCHEME_RING_SIDE_CLIENT;
	uint8_t *base = mmap(NULL, size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *part;
	int prot;

	if (base == MAP_FAILED)
		return MAP_FAILED;
	for (unsigned int i = 0; i < PARTS; i++) {
		prot = PROT_READ;
		if (client ? p[i].client : p[i].provider)
			prot |= PROT_WRITE;
		part = mmap(base + p[i].at, (size_t)p[i].bytes, prot,
			    MAP_SHARED | MAP_FIXED, fd, (off_t)p[i].at);
		if (part == MAP_FAILED) {
			munmap(base, size);
			return MAP_FAILED;
		}
	}
	return base;
}

static struct ring_layout layout_of(const struct scheme_ring_info *i)
{
	return (struct ring_layout){
		.client = i->client_off,
		.provider = i->provider_off,
		.kernel = i->kernel_off,
		.sq = i->sq_off,
		.cq = i->cq_off,
		.size = (size_t)i->size,
	};
}

static int map_end(struct scheme_ring *r, const struct scheme_ring_config *c,
		   const struct scheme_ring_info *info, int fd)
{
	enum scheme_ring_side side = info->side == SCHEME_RING_SIDE_CLIENT ?
		SCHEME_RING_CLIENT : SCHEME_RING_PROVIDER;
	struct ring_layout l = layout_of(info);
	struct part parts[PARTS];
	void *mem;
	int ret;

	parts_of(info, parts);
	if (!parts_ok(info, parts))
		return -EINVAL;
	mem = map_parts(info, parts, fd);
	if (mem == MAP_FAILED)
		return -errno;
	ret = ring_init(r, side, c, mem, &l, &ring_module_ops);
	if (ret) {
		munmap(mem, l.size);
		return ret;
	}
	r->mem = mem;
	r->mem_size = l.size;
	r->end = fd;
	return 0;
}

int module_ring_new(struct scheme_ring **out, const struct scheme_ring_config *c,
		    const struct scheme_ring_info *info, int fd)
{
	struct scheme_ring *r = calloc(1, sizeof(*r));
	int ret = r ? map_end(r, c, info, fd) : -ENOMEM;

	if (ret) {
		free(r);
		close(fd);
		return ret;
	}
	*out = r;
	return 0;
}

/* ---- pool ---------------------------------------------------------------------- */

int module_add_region(struct scheme_ring *r, int fd, uint64_t offset, size_t size)
{
	struct scheme_ring_region args = {
		.fd = fd,
		.offset = offset,
		.size = size,
	};
	int ret = ioctl_errno(r->end, SCHEME_IOC_RING_REGION_ADD, &args);

	return ret < 0 ? ret : 0;
}

int module_map_region(struct scheme_ring *r, struct ring_region *g)
{
	void *mem;

	if (g->size > SIZE_MAX || g->offset > SCHEME_RING_POOL_MAX)
		return -EINVAL;
	mem = mmap(NULL, (size_t)g->size, PROT_READ | PROT_WRITE, MAP_SHARED, r->end,
		   (off_t)(SCHEME_RING_POOL + g->offset));
	if (mem == MAP_FAILED)
		return -errno;
	g->mem = mem;
	return 0;
}

/* A region that cannot be mapped is known, too: it is not asked for again. */
static int learn_region(struct scheme_ring *r, unsigned int index)
{
	struct scheme_ring_region args = { .index = index };
	struct ring_region g = { 0 };
	int ret = ioctl_errno(r->end, SCHEME_IOC_RING_REGION, &args);

	if (ret < 0)
		return ret;
	g.offset = args.offset;
	g.size = args.size;
	r->nr_known++;
	ret = module_map_region(r, &g);
	if (!ret)
		r->regions[r->nr_regions++] = g;
	return ret;
}

int scheme_ring_learn_regions(struct scheme_ring *r)
{
	unsigned int before = r->nr_regions;
	struct scheme_ring_info info = { 0 };
	int ret, err = 0;

	if (r->end < 0 || r->side != SCHEME_RING_PROVIDER ||
	    r->nr_known == SCHEME_RING_REGIONS_MAX)
		return 0;
	ret = ioctl_errno(r->end, SCHEME_IOC_RING_INFO, &info);
	if (ret < 0)
		return ret;
	while (r->nr_known < info.nr_regions &&
	       r->nr_known < SCHEME_RING_REGIONS_MAX) {
		unsigned int known = r->nr_known;

		ret = learn_region(r, known);
		err = err ? err : ret;
		if (r->nr_known == known)
			break;
	}
	return err ? err : (int)(r->nr_regions - before);
}
