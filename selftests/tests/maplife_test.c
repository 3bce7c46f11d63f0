// SPDX-License-Identifier: GPL-2.0
/* mmap(2) of a client's file: the end of mappings, schemes and handles. */
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "map.h"
#include "../uring.h"

#define OTHER	"test-map2"

/* ---- unmapping --------------------------------------------------------------- */

TEST_F(map, S25_the_last_piece_unmaps)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	munmap(at + PAGE, PAGE);
	munmap(at, PAGE);
	ASSERT_EQ(0, mprotect(at + 2 * PAGE, PAGE, PROT_READ));
	munmap(at + 3 * PAGE, PAGE);
	EXPECT_TRUE(queue_silent(self->q, 20));
	EXPECT_EQ('c', at[2 * PAGE]);
	munmap(at + 2 * PAGE, PAGE);
	EXPECT_MUNMAP(1);
	EXPECT_TRUE(queue_silent(self->q, 20));
	/* and again */
	at = map_all(self->file, PROT_READ, MAP_PRIVATE);
	ASSERT_NE(MAP_FAILED, at);
	munmap(at, SIZE);
	EXPECT_MUNMAP(2);
}

TEST_F(map, S25_children_and_exec)
{
	char *at;
	pid_t pid;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	pid = fork();
	if (!pid) {
		at[0] = 'f';
		kill(getpid(), SIGSTOP);
		execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	EXPECT_TRUE(wait_until(self->memory[0] == 'f'));
	munmap(at, SIZE);
	EXPECT_TRUE(queue_silent(self->q, 50));
	/* exec unmaps, though the process lives */
	wait_until(!kill(pid, SIGCONT));
	EXPECT_MUNMAP(1);
	child_reap(pid);
	EXPECT_TRUE(queue_silent(self->q, 20));
}

TEST_F(map, S25_a_killed_client_unmaps)
{
	pid_t pid;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	pid = fork();
	if (!pid) {
		char *at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);

		at[0] = 'k';
		pause();
		_exit(0);
	}
	EXPECT_TRUE(wait_until(self->memory[0] == 'k'));
	EXPECT_LE(0, child_kill(pid));
	EXPECT_MUNMAP(1);
}

TEST_F(map, S25_close_comes_after_munmap)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	close(self->file);
	self->file = -1;
	EXPECT_TRUE(queue_silent(self->q, 50));
	at[0] = 'c';
	EXPECT_EQ('c', self->memory[0]);
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(7, self->sqe.handle);
}

TEST_F(map, S25_unmaps_that_nobody_takes_become_one)
{
	struct scheme_stats stats;
	unsigned int room = self->q->info.sq_entries, extra = 3, closes = 0;
	unsigned int munmaps = 0;
	uint64_t last = 0;
	int fds[64];

	ASSERT_GT(ARRAY_SIZE(fds), room + extra);
	PREPARE(self->file, SCHEME_MAP_WRITE);
	for (unsigned int i = 0; i < room + extra; i++) {
		fds[i] = client_open(&self->p, O_RDONLY, 100 + i, 0);
		ASSERT_LE(0, fds[i]);
	}
	/* CLOSEs fill the ring, and some wait: MUNMAPs must wait behind them */
	for (unsigned int i = 0; i < room + extra; i++)
		close(fds[i]);
	for (int i = 0; i < 2000; i++) {
		char *at = map_all(self->file, PROT_READ, MAP_SHARED);

		ASSERT_NE(MAP_FAILED, at);
		ASSERT_EQ(0, munmap(at, SIZE));
	}
	while (queue_next(self->q, &self->sqe) >= 0 &&
	       (closes < room + extra || last < 2000)) {
		closes += self->sqe.opcode == SCHEME_OP_CLOSE;
		if (self->sqe.opcode != SCHEME_OP_MUNMAP)
			continue;
		munmaps++;
		EXPECT_LT(last, self->sqe.aux);
		last = self->sqe.aux;
		if (last == 2000 && closes == room + extra)
			break;
	}
	EXPECT_EQ(room + extra, closes);
	EXPECT_EQ(2000, last);
	EXPECT_LE(munmaps, 3);
	EXPECT_EQ(0, provider_stats(&self->p, &stats));
	EXPECT_EQ(0, stats.in_flight);
}

/* ---- death ------------------------------------------------------------------- */

TEST_F(map, S25_a_mapping_outlives_its_scheme)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(0, touch(at));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ('a', at[0]);
	/* also what has not been touched before */
	EXPECT_EQ('b', at[PAGE]);
	at[2 * PAGE] = 'X';
	EXPECT_EQ('X', self->memory[2 * PAGE]);
	EXPECT_EQ(-ENODEV, map_at(self->file, SIZE, PROT_READ, MAP_SHARED, 0));
	close(self->file);
	self->file = -1;
	EXPECT_EQ('d', at[3 * PAGE]);
	munmap(at, SIZE);
}

static int serve_memory(void *arg)
{
	struct scheme_sqe sqe;
	struct provider p;
	int memfd = memory_begin();

	(void)arg;
	if (provider_begin(&p, OTHER) || pwrite(memfd, "m", 1, PAGE) != 1)
		return 1;
	while (!queue_next(&p.q[0], &sqe)) {
		if (sqe.opcode != SCHEME_OP_OPEN)
			continue;
		if (queue_attach_memory(&p.q[0], sqe.user_data, memfd, PAGE,
					SIZE, SCHEME_MAP_WRITE))
			return 2;
		queue_answer(&p.q[0], &sqe, 1);
	}
	return 3;
}

TEST_F(map, S25_a_mapping_outlives_its_provider)
{
	pid_t pid = child_start(serve_memory, NULL);
	int file = -1;
	char *at;

	ASSERT_TRUE(wait_until((file = open(NODE_DIR "/" OTHER, O_RDWR)) >= 0));
	at = map_all(file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_LE(0, child_kill(pid));
	EXPECT_EQ('m', at[0]);
	at[PAGE] = 'n';
	EXPECT_EQ('n', at[PAGE]);
	EXPECT_TRUE(wait_until(map_at(file, SIZE, PROT_READ, MAP_SHARED, 0) ==
			       -ENODEV));
	close(file);
	munmap(at, SIZE);
}

TEST_F(map, S25_the_provider_dies_between_attach_and_answer)
{
	START_PREP(self->file, 0);
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, 0, PAGE, 0));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
}

static int prep_in_child(void *arg)
{
	struct scheme_mmap_prep prep = { .size = SIZE };

	do_ioctl(*(int *)arg, SCHEME_IOC_MMAP_PREP, &prep);
	return 1;
}

TEST_F(map, S25_a_killed_client_attaches_nothing)
{
	struct scheme_sqe cancel;
	pid_t pid;

	pid = child_start(prep_in_child, &self->file);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MMAP_PREP));
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, 0, PAGE, 0));
	ASSERT_LE(0, child_kill(pid));
	ASSERT_EQ(0, queue_expect(self->q, &cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(-ECANCELED, queue_attach_memory(self->q, self->sqe.user_data,
						  self->memfd, 0, PAGE, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
}

TEST_F(map, S25_mmap_does_not_wait_for_a_stalled_provider)
{
	char *at, byte;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	/* all its slots are taken by requests that nobody answers */
	job_pread(&self->job, self->file, &byte, 1, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	at = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	munmap(at, SIZE);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
}

TEST_F(map, S25_a_file_of_a_mounted_tmpfs_will_do)
{
	char *at;
	int fd;

	ASSERT_EQ(0, mkdir("t", 0700));
	ASSERT_EQ(0, mount("none", "t", "tmpfs", 0, NULL));
	fd = open("t/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, PAGE + 1));
	START_PREP(self->file, SCHEME_MAP_WRITE);
	/* the last page counts whole */
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data, fd, 0,
					 PAGE + 1, SCHEME_MAP_WRITE));
	close(fd);
	ASSERT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	ASSERT_EQ(0, job_wait(&self->job));
	at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file,
		  0);
	ASSERT_NE(MAP_FAILED, at);
	at[PAGE] = 't';
	ASSERT_EQ(0, unlink("t/file"));
	EXPECT_EQ('t', at[PAGE]);
	munmap(at, 2 * PAGE);
	EXPECT_MUNMAP(1);
	/* attached, it is held as an open file is */
	EXPECT_EQ(-1, umount("t"));
	EXPECT_EQ(EBUSY, errno);
	close(self->file);
	self->file = -1;
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_TRUE(wait_until(!umount("t")));
}

/* Each round: the client's file, two memories, a mapping's file. */
TEST_F_TIMEOUT(map, S25_memory_goes_with_its_handle, 120)
{
	long before = files_now();
	char *at;
	int fd, memory;

	ASSERT_LT(0, before);
	for (int i = 0; i < 2 * FILES_SLACK; i++) {
		fd = client_open(&self->p, O_RDWR, 50, 0);
		ASSERT_LE(0, fd);
		/* the second replaces the first */
		for (int j = 0; j < 2; j++) {
			memory = memory_begin();
			ASSERT_LE(0, memory);
			PREPARE_OF(memory, fd, j ? SCHEME_MAP_WRITE : 0);
			close(memory);
		}
		at = map_all(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
		ASSERT_NE(MAP_FAILED, at);
		close(fd);
		munmap(at, SIZE);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MUNMAP));
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	}
	EXPECT_TRUE(wait_until(files_now() < before + FILES_SLACK)) {
		TH_LOG("%ld files before, %ld now", before, files_now());
	}
}

/* ---- input and output into a mapping ------------------------------------------ */

TEST_F(map, S25_direct_reads_into_a_mapping)
{
	char *at, *page = NULL;
	int disk = open("direct", O_RDWR | O_CREAT, 0600), direct;

	ASSERT_EQ(0, posix_memalign((void **)&page, PAGE, PAGE));
	memset(page, 'D', PAGE);
	ASSERT_EQ(PAGE, write(disk, page, PAGE));
	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	direct = open("direct", O_RDONLY | O_DIRECT);
	if (direct < 0)		/* the file system of the tests knows none */
		direct = open("direct", O_RDONLY);
	ASSERT_EQ(PAGE, pread(direct, at + PAGE, PAGE, 0));
	EXPECT_EQ('D', self->memory[PAGE]);
	EXPECT_EQ('D', self->memory[2 * PAGE - 1]);
	/* through the scheme's own file, too: it is memory like any */
	job_pread(&self->job, self->file, at + 2 * PAGE, 3, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	memcpy(queue_payload(self->q, &self->sqe), "own", 3);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 3));
	EXPECT_EQ(3, job_wait(&self->job));
	EXPECT_EQ(0, memcmp(self->memory + 2 * PAGE, "own", 3));
	munmap(at, SIZE);
	free(page);
	close(direct);
	close(disk);
}

TEST_F(map, S25_a_mapping_is_a_fixed_buffer_of_io_uring)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	struct iovec iov;
	int disk = open("fixed", O_RDWR | O_CREAT, 0600);
	char *at;

	ASSERT_EQ(5, write(disk, "fixed", 5));
	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, uring_begin(&ring, 0));
	iov = (struct iovec){ .iov_base = at, .iov_len = SIZE };
	ASSERT_EQ(0, io_uring_register_buffers(&ring, &iov, 1));
	io_uring_prep_read_fixed(io_uring_get_sqe(&ring), disk, at, 5, 0, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_EQ(0, io_uring_wait_cqe(&ring, &cqe));
	EXPECT_EQ(5, cqe->res);
	io_uring_cqe_seen(&ring, cqe);
	EXPECT_EQ(0, memcmp(self->memory, "fixed", 5));
	/* its pages stay pinned when the mapping goes, and are let go at last */
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
	io_uring_queue_exit(&ring);
	close(disk);
}

/* ---- many at once --------------------------------------------------------------- */

static int map_and_unmap(void *arg)
{
	int file = *(int *)arg;
	unsigned int seed = getpid();

	for (int i = 0; i < 3000; i++) {
		size_t size = (1 + rand_r(&seed) % PAGES) * PAGE;
		char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
				rand_r(&seed) % 2 ? MAP_SHARED : MAP_PRIVATE,
				file, SIZE - size);

		if (at == MAP_FAILED)
			return 1;
		at[rand_r(&seed) % size] = 'r';
		if (!(rand_r(&seed) % 64) && !fork())
			_exit(0);
		munmap(at, size);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

TEST_F_TIMEOUT(map, S25_many_map_and_unmap_at_once, 90)
{
	pid_t pid[3];
	uint64_t last = 0;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = child_start(map_and_unmap, &self->file);
	while (last < 3000 * ARRAY_SIZE(pid)) {
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MUNMAP));
		ASSERT_LT(last, self->sqe.aux);
		last = self->sqe.aux;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++)
		EXPECT_EQ(0, child_result(pid[i]));
	EXPECT_TRUE(queue_silent(self->q, 50));
	close(self->file);
	self->file = -1;
	EXPECT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
}

TEST_HARNESS_MAIN
