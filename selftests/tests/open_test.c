// SPDX-License-Identifier: GPL-2.0
/* Opening and closing: the node, OPENAT, DUP, and one CLOSE for each. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fault.h"
#include "../harness.h"

#define NAME	"test-open"
#define USER	1000
#define OTHER	65534

FIXTURE(open) {
	struct provider p;
	struct queue *q;
};

FIXTURE_SETUP(open)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
}

FIXTURE_TEARDOWN(open)
{
	provider_end(&self->p);
}

/* An entry whose caller is this thread's process. */
#define EXPECT_OURS(sqe)				\
do {							\
	EXPECT_EQ(getpid(), (sqe).pid);			\
	EXPECT_EQ(geteuid(), (sqe).uid);		\
	EXPECT_EQ(getegid(), (sqe).gid);		\
	EXPECT_EQ(0, (sqe).priority);			\
} while (0)

/* ---- the node ------------------------------------------------------------- */

TEST_F(open, S7_open_of_the_node_asks_for_the_root)
{
	static const int flags[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_NONBLOCK,
		O_WRONLY | O_APPEND, O_RDWR | O_TRUNC, O_RDWR | O_SYNC,
		O_RDONLY | O_NOFOLLOW,
	};
	struct scheme_sqe sqe;
	struct job job;

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		job_open(&job, self->p.node, flags[i]);
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_OPEN));
		EXPECT_EQ(0, sqe.flags);
		EXPECT_EQ(SCHEME_ROOT, sqe.handle);
		EXPECT_EQ(0, sqe.len);
		EXPECT_EQ(0, sqe.aux);
		EXPECT_EQ(flags[i], (int)sqe.op_flags);
		EXPECT_OURS(sqe);
		EXPECT_EQ(0, queue_answer(self->q, &sqe, i));
		EXPECT_LE(0, job_wait(&job));
	}
}

TEST_F(open, S7_a_refused_open_gives_the_providers_error_and_no_close)
{
	static const int errors[] = {
		EPERM, ENOENT, EACCES, EBUSY, EEXIST, ENOTDIR, EISDIR, EMFILE,
		ENOSPC, EROFS, ENOLCK, ENOSYS, ENOTSUP, ENODEV, EAGAIN,
	};
	struct scheme_sqe sqe;
	struct job job;

	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		job_open(&job, self->p.node, O_RDWR);
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_OPEN));
		EXPECT_EQ(0, queue_answer(self->q, &sqe, -errors[i]));
		EXPECT_EQ(-errors[i], job_wait(&job));
	}
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(0, scheme_attr(NAME, "handles"));
}

TEST_F(open, S7_a_nonblocking_open_is_asked_all_the_same)
{
	int fd = client_open(&self->p, O_RDWR | O_NONBLOCK, 1, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(O_RDWR | O_NONBLOCK,
		  fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	close(fd);
}

TEST_F(open, S7_access_mode_3_opens_nothing_of_the_scheme)
{
	struct scheme_openat at = {};
	struct scheme_call call = {};
	struct scheme_dup dup = {};
	struct scheme_sqe sqe;
	struct job job;
	char byte = 0;
	int fd = client_open_ioctl(&self->p);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, read(fd, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, write(fd, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-EBADF, do_ioctl(fd, SCHEME_IOC_CALL, &call));
	EXPECT_EQ(-EBADF, do_ioctl(fd, SCHEME_IOC_DUP, &dup));
	EXPECT_EQ(-1, fsync(fd));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(0, scheme_attr(NAME, "handles"));
	/* OPENAT is what it is for, from the root */
	at.flags = O_RDWR;
	job_ioctl(&job, fd, SCHEME_IOC_OPENAT, &at);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(SCHEME_ROOT, sqe.handle);
	EXPECT_EQ(0, queue_answer(self->q, &sqe, -EPERM));
	EXPECT_EQ(-EPERM, job_wait(&job));
	close(fd);
	EXPECT_TRUE(queue_silent(self->q, 50));
}

static int open_mode_3_as_user(void *arg)
{
	const char *node = arg;

	if (become_user(USER, USER))
		return 1;
	return open_errno(node, O_ACCMODE) == -EACCES ? 0 : 2;
}

TEST_F(open, S7_access_mode_3_asks_for_the_right_to_read_and_to_write)
{
	ASSERT_EQ(0, chmod(self->p.node, 0644));
	EXPECT_EQ(0, child_result(child_start(open_mode_3_as_user,
					      self->p.node)));
	ASSERT_EQ(0, chmod(self->p.node, 0622));
	EXPECT_EQ(0, child_result(child_start(open_mode_3_as_user,
					      self->p.node)));
}

/* ---- OPENAT --------------------------------------------------------------- */

/* On a root that is open as number 1. */
FIXTURE(openat) {
	struct provider p;
	struct queue *q;
	int root;
	struct job job;
	struct scheme_sqe sqe;
};

FIXTURE_SETUP(openat)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->root = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->root);
}

FIXTURE_TEARDOWN(openat)
{
	close(self->root);
	provider_end(&self->p);
}

TEST_F(openat, S7_path_flags_mode_and_ids_arrive)
{
	const __u32 kept = O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND |
			   O_DIRECTORY | O_NOFOLLOW | O_SYNC | O_NOCTTY;
	char path[] = "a dir/\xc3\xa4 file\n";
	struct scheme_openat arg = {
		.path = (uintptr_t)path,
		.path_len = strlen(path),
		.flags = kept | O_CLOEXEC,
		.mode = 04751,
	};
	int fd;

	job_ioctl(&self->job, self->root, SCHEME_IOC_OPENAT, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, self->sqe.flags);
	EXPECT_EQ(1, self->sqe.handle);
	EXPECT_EQ(kept, self->sqe.op_flags);
	EXPECT_EQ(04751, self->sqe.aux);
	ASSERT_EQ(strlen(path), self->sqe.len);
	EXPECT_EQ(0, memcmp(path, queue_payload(self->q, &self->sqe),
			    strlen(path)));
	EXPECT_OURS(self->sqe);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 2));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR | O_APPEND | O_SYNC,
		  fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_SYNC));
	close(fd);
}

TEST_F(openat, S7_two_opens_have_two_numbers)
{
	char byte = 0;
	int one, two;

	one = client_openat_as(&self->p, self->root, "a", O_RDWR, 1001, 0);
	two = client_openat_as(&self->p, self->root, "a", O_RDWR, 1002, 0);
	ASSERT_LE(0, one);
	ASSERT_LE(0, two);
	job_read(&self->job, one, &byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(1001, self->sqe.handle);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	job_write(&self->job, two, &byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_WRITE));
	EXPECT_EQ(1002, self->sqe.handle);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
	EXPECT_EQ(3, scheme_attr(NAME, "handles"));
	close(one);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(1001, self->sqe.handle);
	close(two);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(1002, self->sqe.handle);
	EXPECT_EQ(1, scheme_attr(NAME, "handles"));
}

TEST_F(openat, S7_any_number_will_do)
{
	static const uint64_t numbers[] = { 0, 1, 1ULL << 32, INT64_MAX };
	char byte;
	int fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		fd = client_openat_as(&self->p, self->root, "a", O_RDWR,
				      numbers[i], 0);
		ASSERT_LE(0, fd);
		job_read(&self->job, fd, &byte, 1);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
		EXPECT_EQ(numbers[i], self->sqe.handle);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
		EXPECT_EQ(0, job_wait(&self->job));
		close(fd);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,
					  SCHEME_OP_CLOSE));
		EXPECT_EQ(numbers[i], self->sqe.handle);
	}
}

TEST_F(openat, S7_opens_go_from_any_open_file)
{
	int dir, below;

	dir = client_openat_as(&self->p, self->root, "dir", O_RDONLY, 5, 0);
	ASSERT_LE(0, dir);
	job_ioctl(&self->job, dir, SCHEME_IOC_OPENAT, &(struct scheme_openat){});
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(5, self->sqe.handle);
	EXPECT_EQ(0, self->sqe.len);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 6));
	below = job_wait(&self->job);
	ASSERT_LE(0, below);
	close(dir);
	close(below);
}

TEST_F(openat, S7_a_refused_openat_gives_the_providers_error)
{
	static const int errors[] = { EPERM, ENOENT, ENXIO, EACCES, ELOOP, ENOLCK };
	struct scheme_openat arg = { .flags = O_RDWR };
	int before = dup(0);

	close(before);
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		job_ioctl(&self->job, self->root, SCHEME_IOC_OPENAT, &arg);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -errors[i]));
		EXPECT_EQ(-errors[i], job_wait(&self->job));
	}
	/* no descriptor, no handle, no CLOSE is left of it */
	EXPECT_EQ(before, dup(0));
	EXPECT_EQ(1, scheme_attr(NAME, "handles"));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(openat, S7_a_path_has_4095_bytes_at_most)
{
	struct scheme_openat arg = { .flags = O_RDONLY };
	char path[5000];

	memset(path, 'p', sizeof(path));
	arg.path = (uintptr_t)path;
	arg.path_len = SCHEME_PATH_MAX;
	job_ioctl(&self->job, self->root, SCHEME_IOC_OPENAT, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(SCHEME_PATH_MAX, self->sqe.len);
	EXPECT_EQ(0, memcmp(path, queue_payload(self->q, &self->sqe),
			    SCHEME_PATH_MAX));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ENOENT));
	EXPECT_EQ(-ENOENT, job_wait(&self->job));
	arg.path_len = SCHEME_PATH_MAX + 1;
	EXPECT_EQ(-ENAMETOOLONG, do_ioctl(self->root, SCHEME_IOC_OPENAT, &arg));
	arg.path_len = ~0U;
	EXPECT_EQ(-ENAMETOOLONG, do_ioctl(self->root, SCHEME_IOC_OPENAT, &arg));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(openat, S7_a_NUL_in_a_path_is_EINVAL_and_a_bad_pointer_EFAULT)
{
	struct scheme_openat arg = { .path = (uintptr_t)"a\0b", .path_len = 3 };

	EXPECT_EQ(-EINVAL, do_ioctl(self->root, SCHEME_IOC_OPENAT, &arg));
	arg.path_len = 2;
	EXPECT_EQ(-EINVAL, do_ioctl(self->root, SCHEME_IOC_OPENAT, &arg));
	arg.path = 1;
	EXPECT_EQ(-EFAULT, do_ioctl(self->root, SCHEME_IOC_OPENAT, &arg));
	arg.path = ~0ULL - 4;
	EXPECT_EQ(-EFAULT, do_ioctl(self->root, SCHEME_IOC_OPENAT, &arg));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(openat, S7_no_descriptor_left_is_EMFILE_before_the_provider_is_asked)
{
	struct rlimit few = { self->root + 1, 4096 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	EXPECT_EQ(-EMFILE, client_openat(self->root, "a", O_RDONLY, 0));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

/* Access modes: what may be opened through a descriptor of each kind. */
TEST_F(openat, S7_openat_cannot_exceed_the_access_of_its_descriptor)
{
	static const struct { int has; __u32 wants; int want; } cases[] = {
		{ O_RDONLY, O_RDONLY, 0 },
		{ O_RDONLY, O_WRONLY, -EACCES },
		{ O_RDONLY, O_RDWR, -EACCES },
		{ O_RDONLY, O_RDONLY | O_CREAT, -EACCES },
		{ O_RDONLY, O_RDONLY | O_TRUNC, -EACCES },
		{ O_WRONLY, O_WRONLY, 0 },
		{ O_WRONLY, O_WRONLY | O_CREAT | O_TRUNC, 0 },
		{ O_WRONLY, O_RDONLY, -EACCES },
		{ O_WRONLY, O_RDWR, -EACCES },
		{ O_RDWR, O_RDONLY, 0 },
		{ O_RDWR, O_RDONLY | O_CREAT, 0 },
		{ O_RDWR, O_RDWR | O_CREAT | O_EXCL, 0 },
		{ O_ACCMODE, O_RDWR | O_CREAT, 0 },
	};
	int base, fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		base = cases[i].has == O_ACCMODE ? client_open_ioctl(&self->p) :
			client_open(&self->p, cases[i].has, 50, 0);
		ASSERT_LE(0, base);
		if (cases[i].want) {
			EXPECT_EQ(cases[i].want, client_openat(base, "a",
						cases[i].wants, 0)) {
				TH_LOG("in case %u", i);
			}
		} else {
			fd = client_openat_as(&self->p, base, "a",
					      cases[i].wants, 60, 0);
			EXPECT_LE(0, fd);
			close(fd);
			queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE);
		}
		close(base);
		if (cases[i].has != O_ACCMODE)
			queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE);
		EXPECT_TRUE(queue_silent(self->q, 5));
	}
}

TEST_F(openat, S7_access_does_not_come_back_through_a_child)
{
	int child, fd;

	child = client_openat_as(&self->p, self->root, "a", O_RDONLY, 2, 0);
	ASSERT_LE(0, child);
	EXPECT_EQ(-EACCES, client_openat(child, "a", O_RDWR, 0));
	fd = client_openat_as(&self->p, child, "a", O_RDONLY, 3, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, client_openat(fd, "a", O_WRONLY, 0));
	EXPECT_EQ(-1, write(fd, "x", 1));
	EXPECT_EQ(EBADF, errno);
	close(fd);
	close(child);
}

/* ---- DUP ------------------------------------------------------------------ */

TEST_F(openat, S13_a_string_names_a_sub_object)
{
	struct scheme_dup arg = {
		.name = (uintptr_t)"listen",
		.name_len = 6,
		.flags = O_CLOEXEC | O_NONBLOCK,
	};
	int fd;

	job_ioctl(&self->job, self->root, SCHEME_IOC_DUP, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_DUP));
	EXPECT_EQ(1, self->sqe.handle);
	EXPECT_EQ(O_RDWR | O_NONBLOCK, (int)self->sqe.op_flags);
	ASSERT_EQ(6, self->sqe.len);
	EXPECT_EQ(0, memcmp("listen", queue_payload(self->q, &self->sqe), 6));
	EXPECT_OURS(self->sqe);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 9));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR | O_NONBLOCK,
		  fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(9, self->sqe.handle);
}

TEST_F(openat, S13_a_dup_has_the_access_of_its_descriptor)
{
	int child, fd;

	child = client_openat_as(&self->p, self->root, "a", O_RDONLY, 2, 0);
	ASSERT_LE(0, child);
	job_ioctl(&self->job, child, SCHEME_IOC_DUP, &(struct scheme_dup){});
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_DUP));
	EXPECT_EQ(O_RDONLY, (int)self->sqe.op_flags);
	EXPECT_EQ(0, self->sqe.len);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 3));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, "x", 1));
	EXPECT_EQ(EBADF, errno);
	close(fd);
	close(child);
}

TEST_F(openat, S13_an_unknown_string_gives_the_providers_error)
{
	struct scheme_dup arg = { .name = (uintptr_t)"x", .name_len = 1 };

	job_ioctl(&self->job, self->root, SCHEME_IOC_DUP, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_DUP));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ENOENT));
	EXPECT_EQ(-ENOENT, job_wait(&self->job));
}

TEST_F(openat, S13_bad_strings_are_refused)
{
	struct scheme_dup arg = { .name = (uintptr_t)"a\0b", .name_len = 3 };

	EXPECT_EQ(-EINVAL, do_ioctl(self->root, SCHEME_IOC_DUP, &arg));
	arg.name_len = SCHEME_PATH_MAX + 1;
	EXPECT_EQ(-ENAMETOOLONG, do_ioctl(self->root, SCHEME_IOC_DUP, &arg));
	arg = (struct scheme_dup){ .name = 1, .name_len = 1 };
	EXPECT_EQ(-EFAULT, do_ioctl(self->root, SCHEME_IOC_DUP, &arg));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_HARNESS_MAIN
