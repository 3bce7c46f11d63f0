// SPDX-License-Identifier: GPL-2.0
/* The provider: it answers with what it has been asked, for the client to look at. */
#include "compat32.h"

#include <linux/errno.h>
#include <linux/stat.h>

/* Descriptor of the memory that it gives away. */
static int memory;

long queue_open(struct queue *q, int scheme)
{
	memset(q, 0, sizeof(*q));
	q->fd = do_ioctl(scheme, SCHEME_IOC_QUEUE, &q->info);
	if (q->fd < 0)
		return q->fd;
	q->mem = map(q->fd, q->info.size, 0);
	return failed(q->mem) ? (long)q->mem : 0;
}

long queue_enter(const struct queue *q, uint32_t min_wait)
{
	struct scheme_enter enter = { .min_wait = min_wait };

	return do_ioctl(q->fd, SCHEME_IOC_ENTER, &enter);
}

static bool queue_pop(struct queue *q, struct scheme_sqe *sqe)
{
	struct scheme_ring_client *client = (void *)(q->mem + q->info.client_off);
	struct scheme_ring_provider *prov = (void *)(q->mem + q->info.provider_off);
	struct scheme_sqe *sq = (void *)(q->mem + q->info.sq_off);

	if (__atomic_load_n(&client->sq_tail, __ATOMIC_ACQUIRE) == q->sq_head)
		return false;
	*sqe = sq[q->sq_head & (q->info.sq_entries - 1)];
	__atomic_store_n(&prov->sq_head, ++q->sq_head, __ATOMIC_RELEASE);
	return true;
}

static void queue_post(struct queue *q, const struct scheme_cqe *cqe)
{
	struct scheme_ring_provider *prov = (void *)(q->mem + q->info.provider_off);
	struct scheme_cqe *cq = (void *)(q->mem + q->info.cq_off);

	cq[q->cq_tail & (q->info.cq_entries - 1)] = *cqe;
	__atomic_store_n(&prov->cq_tail, ++q->cq_tail, __ATOMIC_RELEASE);
}

/* ---- what the client looks at ------------------------------------------------ */

/* Of "abc", its bytes as a number. */
static void answer_open(const uint8_t *payload, uint32_t len,
			struct scheme_cqe *cqe)
{
	while (len--)
		cqe->result = cqe->result << 8 | *payload++;
	cqe->flags = SCHEME_CQE_F_POSITIONED;
}

static void answer_call(uint8_t *payload, struct scheme_cqe *cqe)
{
	struct scheme_call_header header;

	memcpy(&header, payload, sizeof(header));
	cqe->result = header.word[2];
	cqe->extra = header.in_len;
	for (uint32_t i = 0; i < header.in_len; i++)
		payload[i] = payload[sizeof(header) + i] + 1;
}

static int64_t answer_stat(void *payload)
{
	const struct scheme_stat st = {
		.mode = S_IFREG | 0640, .nlink = 3, .ino = INO, .size = SIZE,
		.mtime = -1, .mtime_nsec = 999999999,
	};

	memcpy(payload, &st, sizeof(st));
	return sizeof(st);
}

static int64_t answer_dents(void *payload, const struct scheme_sqe *sqe)
{
	struct scheme_dirent entry = {
		.ino = INO, .next = sqe->offset + 1,
		.namelen = sizeof(ENTRY) - 1,
	};

	memset(payload, 0, SCHEME_DIRENT_SIZE(entry.namelen));
	memcpy(payload, &entry, sizeof(entry));
	memcpy((char *)payload + sizeof(entry), ENTRY, entry.namelen);
	return SCHEME_DIRENT_SIZE(entry.namelen);
}

/* From "abc" to "other". */
static int64_t answer_rename(const uint8_t *payload, uint32_t len)
{
	static const struct {
		struct scheme_paths	paths;
		char			text[9];
	} expected = { { 3, 5 }, { 'a', 'b', 'c', 0, 'o', 't', 'h', 'e', 'r' } };

	if (len != sizeof(expected.paths) + sizeof(expected.text))
		return -EBADMSG;
	return same(payload, &expected, len) ? 0 : -EBADMSG;
}

static void post_event(struct queue *q, uint64_t handle, uint64_t events)
{
	const struct scheme_cqe cqe = {
		.user_data = handle, .kind = SCHEME_CQE_EVENT,
		.result = (int64_t)events,
	};

	queue_post(q, &cqe);
}

/* ---- files ------------------------------------------------------------------- */

static int64_t answer_sendfd(struct queue *q, const struct scheme_sqe *sqe)
{
	struct scheme_fetch arg = { .tag = sqe->user_data, .flags = O_CLOEXEC };
	long fd = do_ioctl(q->fd, SCHEME_IOC_FETCH, &arg);

	if (fd < 0)
		return fd;
	if (sqe->aux != WORD)
		return -EBADMSG;
	sys(__NR_write, fd, SENT_TEXT, sizeof(SENT_TEXT));
	sys(__NR_close, fd);
	return SENT_VALUE;
}

static void answer_recvfd(struct queue *q, const struct scheme_sqe *sqe,
			  struct scheme_cqe *cqe)
{
	struct scheme_attach arg = { .tag = sqe->user_data, .fd = memory };

	cqe->result = do_ioctl(q->fd, SCHEME_IOC_ATTACH, &arg);
	if (cqe->result)
		return;
	cqe->kind = SCHEME_CQE_NEW_FD;
	cqe->extra = arg.ticket;
}

/* The window begins far away in the client's file, which does not matter. */
static int64_t answer_mmap_prep(struct queue *q, const struct scheme_sqe *sqe)
{
	struct scheme_attach_memory arg = {
		.tag = sqe->user_data, .fd = memory, .flags = sqe->op_flags,
		.offset = PAGE, .size = sqe->aux,
	};

	if (sqe->offset != FAR / PAGE * PAGE)
		return -EBADMSG;
	return do_ioctl(q->fd, SCHEME_IOC_ATTACH_MEMORY, &arg);
}

static int memory_begin(void)
{
	long fd = sys(__NR_memfd_create, "compat32", 0);

	if (fd < 0)
		return fd;
	for (int i = 0; i < FILE_PAGES; i++)
		write_at(fd, FILE_TEXT, sizeof(FILE_TEXT), i * PAGE);
	return sys(__NR_ftruncate, fd, FILE_PAGES * PAGE) ? -1 : fd;
}

/* ---- all of it --------------------------------------------------------------- */

/* What was asked comes back in what is answered, for the client to look at. */
static void answer(struct queue *q, const struct scheme_sqe *sqe)
{
	struct scheme_cqe cqe = { .user_data = sqe->user_data };
	uint8_t *payload = q->mem + q->info.slots_off + sqe->addr;

	if (sqe->flags & SCHEME_SQE_ONEWAY)
		return;
	switch (sqe->opcode) {
	case SCHEME_OP_OPEN:
	case SCHEME_OP_DUP:
		answer_open(payload, sqe->len, &cqe);
		break;
	case SCHEME_OP_READ:
		memcpy(payload, sqe, sizeof(*sqe));
		cqe.result = sizeof(*sqe);
		break;
	case SCHEME_OP_CALL:
		answer_call(payload, &cqe);
		break;
	case SCHEME_OP_WRITE:
		cqe.result = sqe->offset == FAR ? (int64_t)sqe->len : -EINVAL;
		break;
	case SCHEME_OP_FSIZE:
		cqe.result = SIZE;
		break;
	case SCHEME_OP_FSYNC:
		break;
	case SCHEME_OP_FCNTL:
		post_event(q, sqe->handle, sqe->aux);
		cqe.result = sqe->op_flags;
		break;
	case SCHEME_OP_STAT:
		cqe.result = answer_stat(payload);
		break;
	case SCHEME_OP_GETDENTS:
		cqe.result = answer_dents(payload, sqe);
		break;
	case SCHEME_OP_TRUNCATE:
		cqe.result = sqe->aux == SIZE ? 0 : -EBADMSG;
		break;
	case SCHEME_OP_RENAME:
		cqe.result = answer_rename(payload, sqe->len);
		break;
	case SCHEME_OP_SENDFD:
		cqe.result = answer_sendfd(q, sqe);
		break;
	case SCHEME_OP_RECVFD:
		answer_recvfd(q, sqe, &cqe);
		break;
	case SCHEME_OP_MMAP_PREP:
		cqe.result = answer_mmap_prep(q, sqe);
		break;
	default:
		cqe.result = -ENOSYS;
	}
	queue_post(q, &cqe);
}

void serve(int scheme, int ready)
{
	struct scheme_sqe sqe;
	struct queue q;

	memory = memory_begin();
	if (memory < 0 || do_ioctl(scheme, SCHEME_IOC_ADOPT, NULL) ||
	    queue_open(&q, scheme))
		sys(__NR_exit, 1);
	sys(__NR_write, ready, "", 1);
	while (queue_enter(&q, 1) > 0)
		while (queue_pop(&q, &sqe))
			answer(&q, &sqe);
	sys(__NR_exit, 0);
}
