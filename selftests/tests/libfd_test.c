// SPDX-License-Identifier: GPL-2.0
/* libscheme with the module: open files both ways, and memory to map. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <scheme.h>

#include "../harness.h"
#include "../inflight.h"

#define NAME	"test-libfd"
#define SIZE	8192

/* A provider that keeps one file, and gives it away again. */
struct keeper {
	struct scheme	*scheme;
	pthread_t	thread;
	volatile int	stop;
	int		kept;		/* -1: none */
	int		memfd;
	uint64_t	word;
	uint32_t	flags;		/* of the last SENDFD or RECVFD */
	char		name[64];
	unsigned int	unmaps, closes;	/* of handles that were mapped; of all */
};

static struct keeper *keeper_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

/* "kept" is the kept file itself, anything else a file with memory. */
static void k_open(struct scheme_req *req, uint64_t dir, const char *path,
		   int flags, mode_t mode)
{
	struct keeper *k = keeper_of(req);

	if (!strcmp(path, "kept"))
		scheme_reply_fd(req, k->kept);
	else if (!strcmp(path, "ring"))
		scheme_reply_fd(req, scheme_fd(k->scheme));
	else
		scheme_reply_open(req, 5, SCHEME_CQE_F_POSITIONED, 0);
}

static void k_close(struct scheme *s, uint64_t handle)
{
	struct keeper *k = scheme_user(s);

	__atomic_add_fetch(&k->closes, 1, __ATOMIC_RELEASE);
}

static void k_sendfd(struct scheme_req *req, uint64_t handle, const char *name,
		     uint64_t word)
{
	struct keeper *k = keeper_of(req);

	snprintf(k->name, sizeof(k->name), "%s", name);
	k->word = word;
	k->flags = scheme_req_flags(req);
	k->kept = scheme_req_fetch_fd(req, O_CLOEXEC);
	scheme_reply(req, k->kept < 0 ? k->kept : 11);
}

static void k_recvfd(struct scheme_req *req, uint64_t handle, const char *name,
		     uint64_t word)
{
	struct keeper *k = keeper_of(req);

	k->flags = scheme_req_flags(req);
	if (k->kept < 0) {
		scheme_reply(req, -EAGAIN);
		return;
	}
	scheme_reply_fd(req, k->kept);
	close(k->kept);
	k->kept = -1;
}

static void k_mmap_prep(struct scheme_req *req, uint64_t handle,
			uint64_t offset, uint64_t size, unsigned int flags)
{
	struct keeper *k = keeper_of(req);

	scheme_reply(req, scheme_req_attach_memory(req, k->memfd, 0, SIZE, flags));
}

static void k_munmap(struct scheme *s, uint64_t handle)
{
	struct keeper *k = scheme_user(s);

	__atomic_add_fetch(&k->unmaps, 1, __ATOMIC_RELEASE);
}

static const struct scheme_ops ops = {
	.open = k_open, .close = k_close, .sendfd = k_sendfd,
	.recvfd = k_recvfd, .mmap_prep = k_mmap_prep, .munmap = k_munmap,
};

static void *keep(void *arg)
{
	struct keeper *k = arg;

	scheme_run(k->scheme, &k->stop);
	return NULL;
}

FIXTURE(libfd) {
	struct keeper k;
	struct marker m;
	int file;
};

FIXTURE_SETUP(libfd)
{
	const struct scheme_config config = { .name = NAME };
	struct keeper *k = &self->k;

	k->kept = -1;
	k->memfd = memfd_create("keeper", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(k->memfd, SIZE));
	ASSERT_EQ(0, scheme_create(&k->scheme, &config, &ops, sizeof(ops), k));
	ASSERT_EQ(0, pthread_create(&k->thread, NULL, keep, k));
	self->file = scheme_open(NAME ":file", O_RDWR, 0);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, marker_begin(&self->m));
}

FIXTURE_TEARDOWN(libfd)
{
	marker_end(&self->m);
	close(self->file);
	EXPECT_EQ(0, scheme_stop(self->k.scheme));
	pthread_join(self->k.thread, NULL);
	scheme_destroy(self->k.scheme);
	close(self->k.memfd);
	if (self->k.kept >= 0)
		close(self->k.kept);
}

TEST_F(libfd, S27_there_and_back)
{
	int64_t result = 0;
	int fd, sent = self->m.writer;

	EXPECT_EQ(-EAGAIN, scheme_recvfd(self->file, "", 0, 0));
	ASSERT_EQ(0, scheme_sendfd(self->file, sent, "door", 1ULL << 63, 0,
				   &result));
	self->m.writer = -1;
	EXPECT_EQ(11, result);
	EXPECT_STREQ("door", self->k.name);
	EXPECT_EQ(1ULL << 63, self->k.word);
	EXPECT_EQ(-1, fcntl(sent, F_GETFD));
	EXPECT_TRUE(marker_held(&self->m));
	fd = scheme_recvfd(self->file, "", 0, O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_TRUE(marker_is(&self->m, fd));
	close(fd);
	EXPECT_TRUE(marker_gone(&self->m));
}

/* Of a file of the provider's own, by whatever way it has been opened. */
TEST_F(libfd, S27_the_provider_is_told_of_its_own_file)
{
	int own[] = { self->file, open(NODE_DIR "/" NAME, O_RDWR) };

	for (int i = 0; i < 2; i++) {
		ASSERT_LE(0, own[i]);
		ASSERT_EQ(0, scheme_sendfd(self->file, own[i], "", 0,
					   SCHEME_SENDFD_CLONE, NULL));
		EXPECT_EQ(SCHEME_SENDFD_CLONE | SCHEME_SENDFD_OWN, self->k.flags);
		close(self->k.kept);
	}
	close(own[1]);
	ASSERT_EQ(0, scheme_sendfd(self->file, self->m.writer, "", 0,
				   SCHEME_SENDFD_CLONE, NULL));
	EXPECT_EQ(SCHEME_SENDFD_CLONE, self->k.flags);
	EXPECT_EQ(-EINVAL, scheme_sendfd(self->file, self->m.writer, "", 0,
					 SCHEME_SENDFD_OWN, NULL));
}

TEST_F(libfd, S17_the_provider_is_told_who_does_not_wait)
{
	int fd;

	EXPECT_EQ(-EAGAIN, scheme_recvfd(self->file, "", 0, 0));
	EXPECT_EQ(0, self->k.flags);
	ASSERT_EQ(0, fcntl(self->file, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, scheme_recvfd(self->file, "", 0, 0));
	EXPECT_EQ(SCHEME_FD_NONBLOCK, self->k.flags);
	ASSERT_EQ(0, scheme_sendfd(self->file, self->m.writer, "", 0,
				   SCHEME_SENDFD_CLONE, NULL));
	EXPECT_EQ(SCHEME_SENDFD_CLONE | SCHEME_FD_NONBLOCK, self->k.flags);
	fd = scheme_recvfd(self->file, "", 0, 0);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-EINVAL, scheme_sendfd(self->file, self->m.writer, "", 0,
					 SCHEME_FD_NONBLOCK, NULL));
}

TEST_F(libfd, S26_an_open_gives_the_kept_file)
{
	char node[] = NODE_DIR "/" NAME;
	int fd;

	/* nothing kept: -1 is no file, and the client hears of it */
	EXPECT_EQ(-EIO, scheme_openat(self->file, "kept", O_RDWR, 0));
	EXPECT_EQ(-EOPNOTSUPP, scheme_openat(self->file, "ring", O_RDWR, 0));
	ASSERT_EQ(0, scheme_sendfd(self->file, self->m.writer, "", 0,
				   SCHEME_SENDFD_CLONE, NULL));
	fd = scheme_openat(self->file, "kept", O_RDWR, 0);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(marker_is(&self->m, fd));
	close(fd);
	/* open(2) still opens what it always has */
	fd = open(node, O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(libfd, S25_memory_is_mapped_and_unmapped)
{
	char *at, byte = 0;

	ASSERT_EQ(0, scheme_mmap_prep(self->file, 0, SIZE, SCHEME_MAP_WRITE));
	at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
	ASSERT_NE(MAP_FAILED, at);
	at[SIZE - 1] = 'L';
	EXPECT_EQ(1, pread(self->k.memfd, &byte, 1, SIZE - 1));
	EXPECT_EQ('L', byte);
	munmap(at, SIZE);
	EXPECT_TRUE(wait_until(__atomic_load_n(&self->k.unmaps,
					       __ATOMIC_ACQUIRE) == 1));
}

TEST_HARNESS_MAIN
