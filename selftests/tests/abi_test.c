// SPDX-License-Identifier: GPL-2.0
/*
 * The interface as such: what QUERY says, negotiation, and every flag, reserved field,
 * range and command that is not there. How it lies in memory is in layout_test.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/redox_scheme_memory.h>

#include "../harness.h"

#define NAME	"test-abi"

/* ---- the control node ---------------------------------------------------- */

FIXTURE(control) {
	int fd;
	struct scheme_query query;
	struct scheme_create create;
};

FIXTURE_SETUP(control)
{
	self->fd = control_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, do_ioctl(self->fd, SCHEME_IOC_QUERY, &self->query));
	create_init(&self->create, NAME);
	self->create.depth = 1;
	self->create.slot_size = 4096;
}

FIXTURE_TEARDOWN(control)
{
	close(self->fd);
}

#define CREATE()	scheme_fd_create(self->fd, &self->create)

#define EXPECT_NOT_A_COMMAND(fd, cmd)				\
do {								\
	EXPECT_EQ(-ENOTTY, do_ioctl(fd, cmd, NULL)) {		\
		TH_LOG("with the command 0x%lx", cmd);		\
	}							\
} while (0)

/* A variant of self->create that must work, and leaves nothing. */
#define EXPECT_CREATES()			\
do {						\
	int fd_ = CREATE();			\
						\
	EXPECT_LE(0, fd_);			\
	close(fd_);				\
} while (0)

TEST_F(control, S4_query_tells_abi_and_features)
{
	const __u64 known = SCHEME_F_URING_ENTER | SCHEME_F_URING_CANCEL |
			    SCHEME_F_BUSY_POLL | SCHEME_F_EVENTS |
			    SCHEME_F_SCHEMEFS | SCHEME_F_REQUEST |
			    SCHEME_F_MEMORY | SCHEME_F_MEMORY_FIXED |
			    SCHEME_F_RING;

	EXPECT_EQ(SCHEME_ABI, self->query.abi);
	EXPECT_EQ(SCHEME_NAME_MAX, self->query.name_max);
	EXPECT_EQ(0, self->query.features & ~known);
	EXPECT_NE(0, self->query.features & SCHEME_F_URING_ENTER);
	EXPECT_NE(0, self->query.features & SCHEME_F_BUSY_POLL);
	EXPECT_NE(0, self->query.features & SCHEME_F_EVENTS);
	EXPECT_NE(0, self->query.features & SCHEME_F_SCHEMEFS);
	EXPECT_NE(0, self->query.features & SCHEME_F_REQUEST);
	EXPECT_NE(0, self->query.features & SCHEME_F_MEMORY);
	EXPECT_NE(0, self->query.features & SCHEME_F_RING);
}

TEST_F(control, S4_query_tells_limits)
{
	EXPECT_LE(4, self->query.queues_max);
	EXPECT_LE(32, self->query.depth_max);
	EXPECT_LE(128 * 1024, self->query.slot_size_max);
	EXPECT_LE(64, self->query.schemes_max);
	EXPECT_LE(4ULL << 20, self->query.queue_bytes_max);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, self->query.reserved[i]);
}

TEST_F(control, S4_features_come_back_from_create)
{
	int fd = CREATE();

	ASSERT_LE(0, fd);
	EXPECT_EQ(self->query.features, self->create.features);
	close(fd);
}

TEST_F(control, S4_another_major_abi_is_ENOSYS)
{
	static const __u32 abis[] = {
		0, SCHEME_ABI_MINOR, (SCHEME_ABI_MAJOR - 1) << 16 | 0xffff,
		(SCHEME_ABI_MAJOR + 1) << 16, 0xffffffff,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(abis); i++) {
		self->create.abi = abis[i];
		EXPECT_EQ(-ENOSYS, CREATE());
	}
}

TEST_F(control, S4_another_major_abi_is_told_before_all_else)
{
	memset(&self->create, 0xff, sizeof(self->create));
	EXPECT_EQ(-ENOSYS, CREATE());
}

TEST_F(control, S4_a_greater_minor_abi_is_accepted)
{
	self->create.abi = SCHEME_ABI + 1;
	EXPECT_CREATES();
	self->create.abi = SCHEME_ABI_MAJOR << 16 | 0xffff;
	EXPECT_CREATES();
}

TEST_F(control, S4_unknown_create_flags_are_EINVAL)
{
	for (int bit = 0; bit < 32; bit++) {
		self->create.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, CREATE());
	}
}

TEST_F(control, S4_reserved_create_fields_are_EINVAL)
{
	self->create.reserved0 = 1;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.reserved0 = 0;
	for (int i = 0; i < 4; i++) {
		self->create.reserved[i] = 1ULL << (16 * i);
		EXPECT_EQ(-EINVAL, CREATE());
		self->create.reserved[i] = 0;
	}
	EXPECT_CREATES();
}

TEST_F(control, S4_mode_bits_beyond_permissions_are_EINVAL)
{
	for (int bit = 9; bit < 32; bit++) {
		self->create.mode = 1U << bit;
		EXPECT_EQ(-EINVAL, CREATE());
	}
	self->create.mode = 0777;
	EXPECT_CREATES();
}

TEST_F(control, S4_number_of_queues_has_bounds)
{
	self->create.queues = self->query.queues_max + 1;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.queues = ~0U;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.queues = self->query.queues_max;
	EXPECT_CREATES();
	self->create.queues = 0;
	EXPECT_CREATES();
}

TEST_F(control, S4_depth_is_a_power_of_two_within_bounds)
{
	static const __u32 bad[] = { 3, 5, 31, 33, 1000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		self->create.depth = bad[i];
		EXPECT_EQ(-EINVAL, CREATE());
	}
	self->create.depth = self->query.depth_max * 2;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.depth = 1U << 31;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.depth = self->query.depth_max;
	EXPECT_CREATES();
}

TEST_F(control, S4_slot_size_is_a_power_of_two_within_bounds)
{
	static const __u32 bad[] = { 1, 512, 2048, 4095, 4097, 12288 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		self->create.slot_size = bad[i];
		EXPECT_EQ(-EINVAL, CREATE());
	}
	self->create.slot_size = self->query.slot_size_max * 2;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.slot_size = 1U << 31;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.slot_size = self->query.slot_size_max;
	EXPECT_CREATES();
}

TEST_F(control, S4_memory_of_a_queue_has_a_bound)
{
	self->create.depth = self->query.depth_max;
	self->create.slot_size = self->query.slot_size_max;
	ASSERT_LT(self->query.queue_bytes_max,
		  (__u64)self->create.depth * self->create.slot_size);
	EXPECT_EQ(-EINVAL, CREATE());
}

TEST_F(control, S4_other_limits_have_bounds)
{
	self->create.user_limit = self->create.depth + 1;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.user_limit = self->create.depth;
	EXPECT_CREATES();
	self->create.timeout_ms = ~0U;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.timeout_ms = 1;
	EXPECT_CREATES();
	self->create.busy_poll_us = ~0U;
	EXPECT_EQ(-EINVAL, CREATE());
	self->create.busy_poll_us = 1000;
	EXPECT_CREATES();
}

TEST_F(control, S4_kill_flags_and_reserved_are_EINVAL)
{
	struct scheme_kill kill = { .name = NAME, .flags = 1 };

	EXPECT_EQ(-EINVAL, do_ioctl(self->fd, SCHEME_IOC_KILL, &kill));
	kill = (struct scheme_kill){ .name = NAME, .reserved = 1 };
	EXPECT_EQ(-EINVAL, do_ioctl(self->fd, SCHEME_IOC_KILL, &kill));
}

TEST_F(control, S4_unknown_commands_are_ENOTTY)
{
	static const unsigned long cmds[] = {
		0, TCGETS, _IO(SCHEME_IOC_MAGIC, 0x00),
		_IO(SCHEME_IOC_MAGIC, 0x03), SCHEME_IOC_QUEUE, SCHEME_IOC_ENTER,
		SCHEME_IOC_OPENAT, SCHEME_IOC_QUERY ^ 0x10000,
		SCHEME_IOC_CREATE + (8 << _IOC_SIZESHIFT), ~0U,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
		EXPECT_NOT_A_COMMAND(self->fd, cmds[i]);
}

TEST_F(control, S4_bad_pointers_are_EFAULT)
{
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, SCHEME_IOC_QUERY, NULL));
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, SCHEME_IOC_CREATE, NULL));
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, SCHEME_IOC_KILL, NULL));
}

TEST_F(control, S4_a_struct_that_cannot_be_written_back_creates_nothing)
{
	struct scheme_create *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)page);
	*page = self->create;
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, do_ioctl(self->fd, SCHEME_IOC_CREATE, page));
	EXPECT_NE(0, access(NODE_DIR "/" NAME, F_OK));
}

TEST_F(control, S4_a_reader_may_query_and_no_more)
{
	struct scheme_kill kill = { .name = NAME };
	int fd = open(CONTROL_NODE, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, do_ioctl(fd, SCHEME_IOC_QUERY, &self->query));
	EXPECT_EQ(-EBADF, do_ioctl(fd, SCHEME_IOC_CREATE, &self->create));
	EXPECT_EQ(-EBADF, do_ioctl(fd, SCHEME_IOC_KILL, &kill));
	close(fd);
}

/* ---- the other files ----------------------------------------------------- */

FIXTURE(files) {
	struct provider p;
	int client;
};

FIXTURE_SETUP(files)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->client = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->client);
}

FIXTURE_TEARDOWN(files)
{
	close(self->client);
	provider_end(&self->p);
}

TEST_F(files, S4_queue_flags_and_reserved_are_EINVAL)
{
	struct scheme_queue_info info;

	for (int i = 0; i < 4; i++) {
		memset(&info, 0, sizeof(info));
		info.flags = i == 0;
		info.reserved[0] = i == 1;
		info.reserved[1] = i == 2;
		info.index = i == 3;	/* there is one queue only */
		EXPECT_EQ(-EINVAL,
			  do_ioctl(self->p.fd, SCHEME_IOC_QUEUE, &info));
	}
	EXPECT_EQ(-EFAULT, do_ioctl(self->p.fd, SCHEME_IOC_QUEUE, NULL));
	EXPECT_EQ(-EFAULT, do_ioctl(self->p.fd, SCHEME_IOC_STATS, NULL));
}

TEST_F(files, S4_queue_layout_makes_sense)
{
	const struct scheme_queue_info *info = &self->p.q[0].info;

	EXPECT_EQ(16, info->depth);
	EXPECT_EQ(4096, info->slot_size);
	EXPECT_LE(info->depth, info->sq_entries);
	EXPECT_LE(info->depth, info->cq_entries);
	EXPECT_EQ(0, info->sq_entries & (info->sq_entries - 1));
	EXPECT_EQ(0, info->cq_entries & (info->cq_entries - 1));
	EXPECT_EQ(0, info->slots_off % getpagesize());
	EXPECT_EQ(0, info->size % getpagesize());
	EXPECT_LE(info->slots_off + info->depth * info->slot_size, info->size);
	/* the sides write to cache lines of their own */
	EXPECT_NE(info->kernel_off / 64, info->client_off / 64);
	EXPECT_NE(info->client_off / 64, info->provider_off / 64);
}

TEST_F(files, S4_enter_flags_and_counts_are_EINVAL)
{
	struct scheme_enter enter = { .flags = 1 };
	int fd = self->p.q[0].fd;

	EXPECT_EQ(-EINVAL, do_ioctl(fd, SCHEME_IOC_ENTER, &enter));
	enter = (struct scheme_enter){ .flags = 1U << 31 };
	EXPECT_EQ(-EINVAL, do_ioctl(fd, SCHEME_IOC_ENTER, &enter));
	enter = (struct scheme_enter){
		.min_wait = self->p.q[0].info.sq_entries + 1,
	};
	EXPECT_EQ(-EINVAL, do_ioctl(fd, SCHEME_IOC_ENTER, &enter));
	EXPECT_EQ(-EFAULT, do_ioctl(fd, SCHEME_IOC_ENTER, NULL));
}

TEST_F(files, S4_openat_flags_and_reserved_are_EINVAL)
{
	static const __u32 flags[] = {
		O_PATH, O_TMPFILE, O_NOATIME, O_DIRECT, FASYNC, O_ACCMODE,
		1U << 31, 1U << 30, 04, 010,
	};
	struct scheme_openat arg;

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		arg = (struct scheme_openat){ .flags = flags[i] };
		EXPECT_EQ(-EINVAL,
			  do_ioctl(self->client, SCHEME_IOC_OPENAT, &arg)) {
			TH_LOG("with flags 0%o", flags[i]);
		}
	}
	arg = (struct scheme_openat){ .reserved = 1 };
	EXPECT_EQ(-EINVAL, do_ioctl(self->client, SCHEME_IOC_OPENAT, &arg));
	arg = (struct scheme_openat){ .flags = O_RDWR | O_CREAT, .mode = 010000 };
	EXPECT_EQ(-EINVAL, do_ioctl(self->client, SCHEME_IOC_OPENAT, &arg));
	EXPECT_EQ(-EFAULT, do_ioctl(self->client, SCHEME_IOC_OPENAT, NULL));
}

TEST_F(files, S4_dup_flags_are_EINVAL)
{
	static const __u32 flags[] = { O_WRONLY, O_RDWR, O_APPEND, O_CREAT, 1U << 31 };
	struct scheme_dup arg;

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		arg = (struct scheme_dup){ .flags = flags[i] };
		EXPECT_EQ(-EINVAL, do_ioctl(self->client, SCHEME_IOC_DUP, &arg));
	}
	EXPECT_EQ(-EFAULT, do_ioctl(self->client, SCHEME_IOC_DUP, NULL));
}

TEST_F(files, S4_call_flags_and_reserved_are_EINVAL)
{
	struct scheme_call arg;

	for (int bit = 0; bit < 32; bit++) {
		arg = (struct scheme_call){ .flags = 1U << bit };
		EXPECT_EQ(-EINVAL,
			  do_ioctl(self->client, SCHEME_IOC_CALL, &arg));
	}
	arg = (struct scheme_call){ .reserved = 1 };
	EXPECT_EQ(-EINVAL, do_ioctl(self->client, SCHEME_IOC_CALL, &arg));
	EXPECT_EQ(-EFAULT, do_ioctl(self->client, SCHEME_IOC_CALL, NULL));
}

TEST_F(files, S4_unknown_commands_are_ENOTTY)
{
	static const unsigned long scheme[] = {
		0, TCGETS, SCHEME_IOC_CREATE, SCHEME_IOC_ENTER, SCHEME_IOC_CALL,
		_IO(SCHEME_IOC_MAGIC, 0x10), _IO(SCHEME_IOC_MAGIC, 0x14), ~0U,
	};
	static const unsigned long queue[] = {
		0, TCGETS, SCHEME_IOC_QUEUE, SCHEME_IOC_CALL, SCHEME_IOC_SENDFD,
		_IO(SCHEME_IOC_MAGIC, 0x20), _IO(SCHEME_IOC_MAGIC, 0x21),
		_IO(SCHEME_IOC_MAGIC, 0x24), ~0U,
	};
	static const unsigned long client[] = {
		0, TCGETS, SCHEME_IOC_QUEUE, SCHEME_IOC_ENTER, SCHEME_IOC_ATTACH,
		SCHEME_IOC_FETCH, SCHEME_IOC_EVENT_WAIT,
		_IO(SCHEME_IOC_MAGIC, 0x30), _IO(SCHEME_IOC_MAGIC, 0x33),
		_IO(SCHEME_IOC_MAGIC, 0x3b), ~0U,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scheme); i++)
		EXPECT_NOT_A_COMMAND(self->p.fd, scheme[i]);
	for (i = 0; i < ARRAY_SIZE(queue); i++)
		EXPECT_NOT_A_COMMAND(self->p.q[0].fd, queue[i]);
	for (i = 0; i < ARRAY_SIZE(client); i++)
		EXPECT_NOT_A_COMMAND(self->client, client[i]);
	/* none of it has reached the provider */
	EXPECT_TRUE(queue_silent(&self->p.q[0], 50));
}

TEST_F(files, S4_reserved_fields_come_back_as_zero)
{
	struct scheme_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	ASSERT_EQ(0, provider_stats(&self->p, &stats));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, stats.reserved[i]);
	for (int i = 0; i < 12; i++)
		EXPECT_EQ(0, self->p.q[0].kern->reserved[i]);
	EXPECT_EQ(0, self->p.q[0].kern->reserved0);
	/* of direct rings only */
	EXPECT_EQ(0, self->p.q[0].kern->wants[0] | self->p.q[0].kern->wants[1]);
}

TEST_F(files, S4_new_descriptors_close_on_exec)
{
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->p.fd, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->p.q[0].fd, F_GETFD));
}

TEST_HARNESS_MAIN
