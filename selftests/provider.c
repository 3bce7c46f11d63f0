// SPDX-License-Identifier: GPL-2.0
#include "provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "job.h"

unsigned int slowness(void)
{
	const char *slow = getenv("SLOW");
	unsigned long times = slow ? strtoul(slow, NULL, 10) : 1;

	return times > 1 ? (unsigned int)times : 1;
}

bool checked_kernel(void)
{
	return slowness() >= 4;
}

bool brief_run(void)
{
	const char *brief = getenv("BRIEF");

	return brief && *brief;
}

unsigned int patience_ms(void)
{
	return 10000 * slowness();
}

int do_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int open_errno(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd;
}

/* ---- schemes ------------------------------------------------------------- */

int control_open(void)
{
	return open_errno(CONTROL_NODE, O_RDWR);
}

void create_init(struct scheme_create *create, const char *name)
{
	memset(create, 0, sizeof(*create));
	create->abi = SCHEME_ABI;
	memcpy(create->name, name, strnlen(name, sizeof(create->name)));
	create->mode = 0600;
	create->uid = ~0U;
	create->gid = ~0U;
}

int scheme_fd_create(int control, struct scheme_create *create)
{
	int ret, fd = control < 0 ? control_open() : control;

	if (fd < 0)
		return fd;
	ret = do_ioctl(fd, SCHEME_IOC_CREATE, create);
	if (fd != control)
		close(fd);
	return ret;
}

int scheme_fd_begin(int control, const char *name)
{
	struct scheme_create create;

	create_init(&create, name);
	create.depth = 1;
	create.slot_size = 4096;
	return scheme_fd_create(control, &create);
}

int scheme_fd_kill(int control, const char *name)
{
	struct scheme_kill arg = {};

	memcpy(arg.name, name, strnlen(name, sizeof(arg.name)));
	return do_ioctl(control, SCHEME_IOC_KILL, &arg);
}

int provider_create(struct provider *p, const struct scheme_create *create)
{
	unsigned int i, nr = create->queues ? create->queues : 1;
	int ret;

	memset(p, 0, sizeof(*p));
	p->create = *create;
	p->fd = scheme_fd_create(-1, &p->create);
	if (p->fd < 0)
		return p->fd;
	snprintf(p->node, sizeof(p->node), NODE_DIR "/%.72s", create->name);
	for (i = 0; i < nr && i < QUEUES_MAX; i++) {
		ret = queue_open(&p->q[i], p->fd, i);
		if (ret) {
			provider_end(p);
			return ret;
		}
		p->nr_queues++;
	}
	return 0;
}

int provider_begin(struct provider *p, const char *name)
{
	struct scheme_create create;

	create_init(&create, name);
	create.depth = 16;
	create.slot_size = 4096;
	return provider_create(p, &create);
}

void provider_end(struct provider *p)
{
	while (p->nr_queues)
		queue_close(&p->q[--p->nr_queues]);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

int provider_stats(const struct provider *p, struct scheme_stats *stats)
{
	return do_ioctl(p->fd, SCHEME_IOC_STATS, stats);
}

long long scheme_attr(const char *name, const char *attr)
{
	char path[256], text[64] = "";
	ssize_t ret;
	int fd;

	snprintf(path, sizeof(path), SYSFS_CLASS "/%s/%s", name, attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = read(fd, text, sizeof(text) - 1);
	if (ret < 0)
		ret = -errno;
	close(fd);
	return ret < 0 ? ret : strtoll(text, NULL, 10);
}

/* ---- queues -------------------------------------------------------------- */

static void queue_lay_out(struct queue *q)
{
	q->kern = (void *)(q->mem + q->info.kernel_off);
	q->client = (void *)(q->mem + q->info.client_off);
	q->prov = (void *)(q->mem + q->info.provider_off);
	q->poller = q->mem + q->info.poller_off;
	q->sq = (void *)(q->mem + q->info.sq_off);
	q->cq = (void *)(q->mem + q->info.cq_off);
	q->slots = q->mem + q->info.slots_off;
}

int queue_open(struct queue *q, int scheme_fd, unsigned int index)
{
	memset(q, 0, sizeof(*q));
	q->info.index = index;
	q->fd = do_ioctl(scheme_fd, SCHEME_IOC_QUEUE, &q->info);
	if (q->fd < 0)
		return q->fd;
	q->mem = mmap(NULL, q->info.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      q->fd, 0);
	if (q->mem == MAP_FAILED) {
		close(q->fd);
		return -errno;
	}
	queue_lay_out(q);
	q->sq_head = q->prov->sq_head;
	q->cq_tail = q->prov->cq_tail;
	return 0;
}

void queue_close(struct queue *q)
{
	if (q->mem)
		munmap(q->mem, q->info.size);
	if (q->fd >= 0)
		close(q->fd);
	q->mem = NULL;
	q->fd = -1;
}

int queue_enter(struct queue *q, uint32_t min_wait, unsigned int timeout_ms)
{
	struct scheme_enter enter = {
		.min_wait = min_wait,
		.timeout_ns = timeout_ms * 1000000ULL,
	};

	return do_ioctl(q->fd, SCHEME_IOC_ENTER, &enter);
}

bool queue_pop(struct queue *q, struct scheme_sqe *sqe)
{
	uint32_t tail = __atomic_load_n(&q->client->sq_tail, __ATOMIC_ACQUIRE);

	if (tail == q->sq_head)
		return false;
	*sqe = q->sq[q->sq_head & (q->info.sq_entries - 1)];
	__atomic_store_n(&q->prov->sq_head, ++q->sq_head, __ATOMIC_RELEASE);
	return true;
}

int queue_next(struct queue *q, struct scheme_sqe *sqe)
{
	int ret;

	if (queue_pop(q, sqe))
		return 0;
	ret = queue_enter(q, 1, PATIENCE_MS);
	if (ret < 0)
		return ret;
	return queue_pop(q, sqe) ? 0 : -ETIMEDOUT;
}

int queue_expect(struct queue *q, struct scheme_sqe *sqe, uint8_t opcode)
{
	int ret = queue_next(q, sqe);

	if (ret)
		return ret;
	return sqe->opcode == opcode ? 0 : -EBADMSG;
}

bool queue_silent(struct queue *q, unsigned int ms)
{
	return queue_enter(q, 1, ms) == 0;
}

void queue_post(struct queue *q, const struct scheme_cqe *cqe)
{
	q->cq[q->cq_tail & (q->info.cq_entries - 1)] = *cqe;
	__atomic_store_n(&q->prov->cq_tail, ++q->cq_tail, __ATOMIC_RELEASE);
}

void queue_post_value(struct queue *q, uint64_t tag, int64_t result)
{
	struct scheme_cqe cqe = { .user_data = tag, .result = result };

	queue_post(q, &cqe);
}

uint32_t queue_status(const struct queue *q, unsigned int ago)
{
	uint32_t at = q->cq_tail - 1 - ago;

	return __atomic_load_n(&q->cq[at & (q->info.cq_entries - 1)].status,
			       __ATOMIC_ACQUIRE);
}

int queue_push(struct queue *q, const struct scheme_cqe *cqe)
{
	int ret;

	queue_post(q, cqe);
	ret = queue_enter(q, 0, 0);
	return ret < 0 ? ret : (int)queue_status(q, 0);
}

int queue_answer(struct queue *q, const struct scheme_sqe *sqe, int64_t result)
{
	struct scheme_cqe cqe = {
		.user_data = sqe->user_data,
		.result = result,
	};

	return queue_push(q, &cqe);
}

int queue_answer_open(struct queue *q, const struct scheme_sqe *sqe,
		      uint64_t number, uint16_t flags, uint32_t events)
{
	struct scheme_cqe cqe = {
		.user_data = sqe->user_data,
		.result = (int64_t)number,
		.flags = flags,
		.extra = events,
	};

	return queue_push(q, &cqe);
}

int queue_event(struct queue *q, uint64_t handle, uint64_t events)
{
	struct scheme_cqe cqe = {
		.user_data = handle,
		.result = (int64_t)events,
		.kind = SCHEME_CQE_EVENT,
	};

	return queue_push(q, &cqe);
}

/* ---- clients ------------------------------------------------------------- */

int client_open_events(struct provider *p, int flags, uint64_t number,
		       uint16_t cqe_flags, uint32_t events)
{
	struct scheme_sqe sqe;
	struct job job;
	int ret;

	job_open(&job, p->node, flags);
	ret = queue_expect(&p->q[0], &sqe, SCHEME_OP_OPEN);
	if (!ret)
		ret = queue_answer_open(&p->q[0], &sqe, number, cqe_flags,
					events);
	return ret ? ret : (int)job_wait(&job);
}

int client_open(struct provider *p, int flags, uint64_t number,
		uint16_t cqe_flags)
{
	return client_open_events(p, flags, number, cqe_flags, 0);
}

int client_open_ioctl(const struct provider *p)
{
	return open_errno(p->node, O_ACCMODE);
}

int client_openat(int fd, const char *path, uint32_t flags, uint32_t mode)
{
	struct scheme_openat arg = {
		.path = (uintptr_t)path,
		.path_len = strlen(path),
		.flags = flags,
		.mode = mode,
	};

	return do_ioctl(fd, SCHEME_IOC_OPENAT, &arg);
}

int client_openat_as(struct provider *p, int fd, const char *path,
		     uint32_t flags, uint64_t number, uint16_t cqe_flags)
{
	struct scheme_openat arg = {
		.path = (uintptr_t)path,
		.path_len = strlen(path),
		.flags = flags | O_CLOEXEC,
	};
	struct scheme_sqe sqe;
	struct job job;
	int ret;

	job_ioctl(&job, fd, SCHEME_IOC_OPENAT, &arg);
	ret = queue_expect(&p->q[0], &sqe, SCHEME_OP_OPEN);
	if (!ret)
		ret = queue_answer_open(&p->q[0], &sqe, number, cqe_flags, 0);
	return ret ? ret : (int)job_wait(&job);
}

int client_call(int fd, struct scheme_call *call)
{
	return do_ioctl(fd, SCHEME_IOC_CALL, call);
}
