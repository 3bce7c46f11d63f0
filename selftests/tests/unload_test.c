// SPDX-License-Identifier: GPL-2.0
/*
 * The module stays while anybody uses it. That it goes afterwards, and leaves
 * nothing, is looked at when all tests are over.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"
#include "../uring.h"

#define NAME	"test-unload"

static int try_unload(void)
{
	return syscall(SYS_delete_module, "redox_scheme", O_NONBLOCK) ?
		-errno : 0;
}

TEST(X5_the_control_node_holds_the_module)
{
	int fd = control_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	close(fd);
}

TEST(X5_a_scheme_holds_the_module)
{
	int fd = scheme_fd_begin(-1, NAME);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	/* a dead one, too */
	ASSERT_EQ(0, do_ioctl(fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	close(fd);
}

TEST(X5_a_queue_holds_the_module)
{
	struct provider p;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	close(p.fd);
	munmap(p.q[0].mem, p.q[0].info.size);
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	close(p.q[0].fd);
}

TEST(X5_a_mapping_holds_the_module)
{
	struct provider p;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	close(p.fd);
	close(p.q[0].fd);
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	EXPECT_EQ(SCHEME_RING_DEAD, p.q[0].kern->state);
	munmap(p.q[0].mem, p.q[0].info.size);
}

TEST(X5_a_clients_file_holds_the_module)
{
	struct provider p;
	int root, child;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	root = client_open(&p, O_RDWR, 1, 0);
	ASSERT_LE(0, root);
	child = client_openat_as(&p, root, "a", O_RDWR, 2, 0);
	ASSERT_LE(0, child);
	provider_end(&p);
	close(root);
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	close(child);
}

TEST(X5_a_parked_command_holds_the_module)
{
	struct io_uring ring;
	struct provider p;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	ASSERT_EQ(0, uring_begin(&ring, 0));
	ASSERT_EQ(1, uring_enter(&ring, &p.q[0], 1, 0, 1));
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	provider_end(&p);
	EXPECT_GT(0, uring_wait(&ring, 1));
	io_uring_queue_exit(&ring);
}

TEST(X5_a_request_of_a_client_holds_the_module)
{
	struct provider p;
	struct job job;
	int fd;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	fd = client_open_ioctl(&p);
	ASSERT_LE(0, fd);
	job_ioctl(&job, fd, SCHEME_IOC_OPENAT, &(struct scheme_openat){});
	EXPECT_TRUE(job_stays(&job, 50));
	close(fd);
	EXPECT_EQ(-EWOULDBLOCK, try_unload());
	provider_end(&p);
	EXPECT_EQ(-ENODEV, job_wait(&job));
}

TEST_HARNESS_MAIN
