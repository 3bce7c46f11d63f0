// SPDX-License-Identifier: MIT
/*
 * Schemes: from the control node to mapped queues, and back.
 */
#include "int.h"
#include "ring_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONTROL_NODE	"/dev/scheme-control"

int control_open(const char *control)
{
	int fd = open(control ? control : CONTROL_NODE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* A node that its driver has left behind is no module either. */
	return errno == ENXIO || errno == ENODEV ? -ENOENT : -errno;
}

/* ---- queues --------------------------------------------------------------- */

static int enter_ioctl(struct scheme_queue *q, uint32_t min_wait,
		       uint64_t timeout_ns)
{
	struct scheme_enter enter = {
		.min_wait = min_wait,
		.timeout_ns = timeout_ns,
	};

	return ioctl_errno(q->fd, SCHEME_IOC_ENTER, &enter);
}

/* Where it was before, if it was anywhere and that is still free. */
static int map_queue(struct scheme_queue *q)
{
	void *mem = mmap(q->mem, q->info.size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, q->fd, 0);

	if (mem == MAP_FAILED)
		return -errno;
	queue_attach(q, mem);
	return 0;
}

static int open_queue(struct scheme *s, unsigned int index,
		      const struct scheme_create *create)
{
	struct scheme_queue *q = &s->queues[index];
	struct scheme_queue_info info = { .index = index };
	int fd = ioctl_errno(s->fd, SCHEME_IOC_QUEUE, &info);
	int ret;

	if (fd < 0)
		return fd;
	ret = queue_init(q, s, &info, enter_ioctl);
	if (ret)
		goto err_close;
	q->fd = fd;
	q->spin_ns = (uint64_t)create->busy_poll_us * 1000;
	ret = map_queue(q);
	if (!ret)
		return 0;
	queue_uninit(q);
err_close:
	close(fd);
	return ret;
}

static int open_queues(struct scheme *s, const struct scheme_create *create)
{
	unsigned int nr = create->queues ? create->queues : 1;
	int ret = 0;

	s->queues = calloc(nr, sizeof(*s->queues));
	if (!s->queues)
		return -ENOMEM;
	while (!ret && s->nr_queues < nr) {
		ret = open_queue(s, s->nr_queues, create);
		if (!ret)
			s->nr_queues++;
	}
	return ret;
}

/* ---- schemes -------------------------------------------------------------- */

/* Copy what both know; callbacks that we do not know would never be called. */
static int take_ops(struct scheme *s, const void *ops, size_t size)
{
	const uint8_t *bytes = ops;

	for (size_t i = sizeof(s->ops); i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(&s->ops, ops, size < sizeof(s->ops) ? size : sizeof(s->ops));
	return 0;
}

static int fill_create(struct scheme_create *c, const struct scheme_config *cfg)
{
	size_t len = cfg->name ? strlen(cfg->name) : 0;

	*c = (struct scheme_create){
		.abi = SCHEME_ABI,
		.mode = cfg->mode ? cfg->mode : 0600,
		.uid = cfg->set_owner ? cfg->uid : ~0U,
		.gid = cfg->set_owner ? cfg->gid : ~0U,
		.queues = cfg->queues,
		.depth = cfg->depth,
		.slot_size = cfg->slot_size,
		.user_limit = cfg->user_limit,
		.timeout_ms = cfg->timeout_ms,
		.busy_poll_us = cfg->busy_poll_us,
	};
	if (!len || len > SCHEME_NAME_MAX)
		return -EINVAL;
	memcpy(c->name, cfg->name, len);
	return 0;
}

static int register_scheme(struct scheme *s, struct scheme_create *create,
			   const char *control)
{
	int fd = control_open(control);

	if (fd < 0)
		return fd;
	s->fd = ioctl_errno(fd, SCHEME_IOC_CREATE, create);
	close(fd);
	if (s->fd < 0)
		return s->fd;
	s->features = create->features;
	memcpy(s->name, create->name, SCHEME_NAME_MAX);
	return open_queues(s, create);
}

static struct scheme *alloc_scheme(void *user)
{
	struct scheme *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = -1;
	s->pid = getpid();
	s->user = user;
	pthread_mutex_init(&s->servers_lock, NULL);
	return s;
}

int scheme_create(struct scheme **out, const struct scheme_config *config,
		  const struct scheme_ops *ops, size_t ops_size, void *user)
{
	struct scheme_create create;
	struct scheme *s;
	int ret = fill_create(&create, config);

	if (ret)
		return ret;
	s = alloc_scheme(user);
	if (!s)
		return -ENOMEM;
	ret = take_ops(s, ops, ops_size);
	if (!ret)
		ret = register_scheme(s, &create, config->control);
	if (ret)
		scheme_destroy(s);
	else
		*out = s;
	return ret;
}

int scheme_create_local(struct scheme **out, const struct scheme_ops *ops,
			size_t ops_size, void *user)
{
	struct scheme *s = alloc_scheme(user);
	int ret;

	if (!s)
		return -ENOMEM;
	ret = take_ops(s, ops, ops_size);
	if (ret)
		scheme_destroy(s);
	else
		*out = s;
	return ret;
}

int scheme_stop(struct scheme *s)
{
	return ioctl_errno(s->fd, SCHEME_IOC_DESTROY, NULL);
}

/* ---- after a fork ---------------------------------------------------------- */

/*
 * Only the thread that forked is in the child: what another one held at the fork nobody
 * gives back, and what it was about to do is half done.
 */
static bool was_held(pthread_mutex_t *lock)
{
	if (pthread_mutex_trylock(lock))
		return true;
	pthread_mutex_unlock(lock);
	return false;
}

static bool was_busy(struct scheme_queue *q)
{
	return queue_was_served(q) || was_held(&q->post_lock) || rings_busy(q);
}

static bool parent_was_busy(struct scheme *s)
{
	for (unsigned int i = 0; i < s->nr_queues; i++)
		if (was_busy(&s->queues[i]))
			return true;
	return was_held(&s->servers_lock);
}

/* Rings, and who serves them, stay with the parent, as their mappings do. */
static void forget_parent(struct scheme *s)
{
	pthread_mutex_init(&s->servers_lock, NULL);
	s->servers = NULL;
	atomic_store(&s->nr_servers, 0);
	for (unsigned int i = 0; i < s->nr_queues; i++)
		pthread_mutex_init(&s->queues[i].post_lock, NULL);
}

/* In a child that has not adopted, nothing of ours is mapped. */
static void close_queue(struct scheme_queue *q, bool mapped)
{
	rings_end(q, mapped);
	if (mapped)
		munmap(q->mem, q->info.size);
	close(q->fd);
	queue_uninit(q);
}

void scheme_destroy(struct scheme *s)
{
	bool ours = s->pid == getpid();

	if (s->fd >= 0 && ours)
		scheme_stop(s);
	if (!ours)
		forget_parent(s);
	for (unsigned int i = 0; i < s->nr_queues; i++)
		close_queue(&s->queues[i], ours);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->servers_lock);
	free(s->queues);
	free(s);
}

/* Mappings do not pass to a child: make them anew. */
static int remap(struct scheme *s)
{
	int ret = 0;

	for (unsigned int i = 0; i < s->nr_queues && !ret; i++) {
		struct scheme_queue *q = &s->queues[i];

		rings_end(q, false);
		ret = map_queue(q);
		/* what the parent has put there, but not handed over */
		atomic_store(&q->owed, true);
	}
	return ret;
}

int scheme_adopt(struct scheme *s)
{
	bool ours = s->pid == getpid();
	int ret;

	if (!ours && parent_was_busy(s))
		return -EBUSY;
	ret = ioctl_errno(s->fd, SCHEME_IOC_ADOPT, NULL);
	if (ret || ours)
		return ret;
	s->pid = getpid();
	forget_parent(s);
	return remap(s);
}

/* ---- what they are -------------------------------------------------------- */

void *scheme_user(const struct scheme *s)
{
	return s->user;
}

const char *scheme_name(const struct scheme *s)
{
	return s->name;
}

uint64_t scheme_features(const struct scheme *s)
{
	return s->features;
}

int scheme_fd(const struct scheme *s)
{
	return s->fd;
}

int scheme_stats(const struct scheme *s, struct scheme_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	return ioctl_errno(s->fd, SCHEME_IOC_STATS, stats);
}

unsigned int scheme_queues(const struct scheme *s)
{
	return s->nr_queues;
}

struct scheme_queue *scheme_queue(struct scheme *s, unsigned int index)
{
	return index < s->nr_queues ? &s->queues[index] : NULL;
}
