// SPDX-License-Identifier: GPL-2.0
/* The interface as it lies in memory: sizes and offsets of structs, numbers of commands. */
#include <stddef.h>

#include <linux/redox_scheme_memory.h>

#include "../harness.h"

#define EXPECT_SIZE(type, size)	EXPECT_EQ((size_t)(size), sizeof(type))
#define EXPECT_AT(type, field, at) \
	EXPECT_EQ((size_t)(at), offsetof(type, field))

TEST(S4_structs_have_their_sizes)
{
	EXPECT_SIZE(struct scheme_query, 64);
	EXPECT_SIZE(struct scheme_create, 160);
	EXPECT_SIZE(struct scheme_kill, 80);
	EXPECT_SIZE(struct scheme_queue_info, 80);
	EXPECT_SIZE(struct scheme_stats, 128);
	EXPECT_SIZE(struct scheme_enter, 16);
	EXPECT_SIZE(struct scheme_attach, 24);
	EXPECT_SIZE(struct scheme_attach_memory, 32);
	EXPECT_SIZE(struct scheme_fetch, 16);
	EXPECT_SIZE(struct scheme_openat, 24);
	EXPECT_SIZE(struct scheme_dup, 16);
	EXPECT_SIZE(struct scheme_call, 64);
	EXPECT_SIZE(struct scheme_call_header, 32);
	EXPECT_SIZE(struct scheme_request, 80);
	EXPECT_SIZE(struct scheme_command, 16);
	EXPECT_SIZE(struct scheme_sendfd, 40);
	EXPECT_SIZE(struct scheme_recvfd, 32);
	EXPECT_SIZE(struct scheme_mmap_prep, 24);
	EXPECT_SIZE(struct scheme_event, 24);
	EXPECT_SIZE(struct scheme_event_wait, 24);
	EXPECT_SIZE(struct scheme_ring_kernel, 64);
	EXPECT_SIZE(struct scheme_ring_client, 192);
	EXPECT_SIZE(struct scheme_ring_provider, 192);
	EXPECT_SIZE(struct scheme_sqe, 64);
	EXPECT_SIZE(struct scheme_cqe, 32);
	EXPECT_SIZE(struct scheme_stat, 128);
	EXPECT_SIZE(struct scheme_statfs, 64);
	EXPECT_SIZE(struct scheme_times, 24);
	EXPECT_SIZE(struct scheme_paths, 8);
	EXPECT_SIZE(struct scheme_dirent, 24);
}

TEST(S4_structs_of_the_memory_scheme_have_their_sizes)
{
	EXPECT_SIZE(struct scheme_range, 16);
	EXPECT_SIZE(struct scheme_physalloc, 80);
	EXPECT_AT(struct scheme_physalloc, flags, 16);
	EXPECT_AT(struct scheme_physalloc, ranges, 24);
	EXPECT_AT(struct scheme_physalloc, nr_ranges, 36);
	EXPECT_AT(struct scheme_physalloc, offset, 40);
	EXPECT_AT(struct scheme_physalloc, addr, 48);
	EXPECT_AT(struct scheme_physalloc, cache, 56);
	EXPECT_AT(struct scheme_physalloc, reserved, 64);
	EXPECT_SIZE(struct scheme_physfree, 16);
	EXPECT_SIZE(struct scheme_ranges, 24);
	EXPECT_SIZE(struct scheme_virttophys, 24);
	EXPECT_SIZE(struct scheme_memory_sync, 24);
	EXPECT_SIZE(struct scheme_export, 16);
	EXPECT_SIZE(struct scheme_bind, 64);
}

TEST(S4_ring_entries_have_their_fields_in_place)
{
	EXPECT_AT(struct scheme_sqe, opcode, 0);
	EXPECT_AT(struct scheme_sqe, flags, 1);
	EXPECT_AT(struct scheme_sqe, priority, 2);
	EXPECT_AT(struct scheme_sqe, op_flags, 4);
	EXPECT_AT(struct scheme_sqe, handle, 8);
	EXPECT_AT(struct scheme_sqe, user_data, 16);
	EXPECT_AT(struct scheme_sqe, offset, 24);
	EXPECT_AT(struct scheme_sqe, addr, 32);
	EXPECT_AT(struct scheme_sqe, len, 40);
	EXPECT_AT(struct scheme_sqe, pid, 44);
	EXPECT_AT(struct scheme_sqe, uid, 48);
	EXPECT_AT(struct scheme_sqe, gid, 52);
	EXPECT_AT(struct scheme_sqe, aux, 56);
	EXPECT_AT(struct scheme_cqe, user_data, 0);
	EXPECT_AT(struct scheme_cqe, result, 8);
	EXPECT_AT(struct scheme_cqe, kind, 16);
	EXPECT_AT(struct scheme_cqe, flags, 18);
	EXPECT_AT(struct scheme_cqe, status, 20);
	EXPECT_AT(struct scheme_cqe, extra, 24);
}

TEST(S4_ring_indices_are_on_cache_lines_of_their_own)
{
	EXPECT_AT(struct scheme_ring_client, sq_tail, 0);
	EXPECT_AT(struct scheme_ring_client, cq_head, 64);
	EXPECT_AT(struct scheme_ring_client, flags, 128);
	EXPECT_AT(struct scheme_ring_provider, sq_head, 0);
	EXPECT_AT(struct scheme_ring_provider, cq_tail, 64);
	EXPECT_AT(struct scheme_ring_provider, flags, 128);
}

TEST(S4_control_structs_have_their_fields_in_place)
{
	EXPECT_AT(struct scheme_query, features, 8);
	EXPECT_AT(struct scheme_query, queue_bytes_max, 32);
	EXPECT_AT(struct scheme_create, name, 8);
	EXPECT_AT(struct scheme_create, mode, 80);
	EXPECT_AT(struct scheme_create, busy_poll_us, 112);
	EXPECT_AT(struct scheme_create, features, 120);
	EXPECT_AT(struct scheme_queue_info, slots_off, 48);
	EXPECT_AT(struct scheme_queue_info, size, 56);
	EXPECT_AT(struct scheme_call, word, 24);
	EXPECT_AT(struct scheme_call, result, 48);
	EXPECT_AT(struct scheme_stats, broken, 96);
}

TEST(S4_file_and_memory_structs_have_their_fields_in_place)
{
	EXPECT_AT(struct scheme_attach, tag, 0);
	EXPECT_AT(struct scheme_attach, fd, 8);
	EXPECT_AT(struct scheme_attach, flags, 12);
	EXPECT_AT(struct scheme_attach, ticket, 16);
	EXPECT_AT(struct scheme_attach_memory, tag, 0);
	EXPECT_AT(struct scheme_attach_memory, fd, 8);
	EXPECT_AT(struct scheme_attach_memory, flags, 12);
	EXPECT_AT(struct scheme_attach_memory, offset, 16);
	EXPECT_AT(struct scheme_attach_memory, size, 24);
	EXPECT_AT(struct scheme_fetch, tag, 0);
	EXPECT_AT(struct scheme_fetch, flags, 8);
	EXPECT_AT(struct scheme_fetch, reserved, 12);
	EXPECT_AT(struct scheme_sendfd, name, 0);
	EXPECT_AT(struct scheme_sendfd, name_len, 8);
	EXPECT_AT(struct scheme_sendfd, fd, 12);
	EXPECT_AT(struct scheme_sendfd, flags, 16);
	EXPECT_AT(struct scheme_sendfd, reserved, 20);
	EXPECT_AT(struct scheme_sendfd, word, 24);
	EXPECT_AT(struct scheme_sendfd, result, 32);
	EXPECT_AT(struct scheme_recvfd, name, 0);
	EXPECT_AT(struct scheme_recvfd, name_len, 8);
	EXPECT_AT(struct scheme_recvfd, flags, 12);
	EXPECT_AT(struct scheme_recvfd, word, 16);
	EXPECT_AT(struct scheme_recvfd, reserved, 24);
	EXPECT_AT(struct scheme_mmap_prep, offset, 0);
	EXPECT_AT(struct scheme_mmap_prep, size, 8);
	EXPECT_AT(struct scheme_mmap_prep, flags, 16);
	EXPECT_AT(struct scheme_mmap_prep, reserved, 20);
}

TEST(S4_event_structs_have_their_fields_in_place)
{
	EXPECT_AT(struct scheme_event, id, 0);
	EXPECT_AT(struct scheme_event, flags, 8);
	EXPECT_AT(struct scheme_event, data, 16);
	EXPECT_AT(struct scheme_event_wait, events, 0);
	EXPECT_AT(struct scheme_event_wait, nr, 8);
	EXPECT_AT(struct scheme_event_wait, flags, 12);
	EXPECT_AT(struct scheme_event_wait, timeout_ns, 16);
}

TEST(S4_request_structs_have_their_fields_in_place)
{
	EXPECT_AT(struct scheme_request, opcode, 0);
	EXPECT_AT(struct scheme_request, op_flags, 4);
	EXPECT_AT(struct scheme_request, offset, 8);
	EXPECT_AT(struct scheme_request, aux, 16);
	EXPECT_AT(struct scheme_request, path, 24);
	EXPECT_AT(struct scheme_request, path2, 32);
	EXPECT_AT(struct scheme_request, path_len, 40);
	EXPECT_AT(struct scheme_request, path2_len, 44);
	EXPECT_AT(struct scheme_request, buf, 48);
	EXPECT_AT(struct scheme_request, buf_len, 56);
	EXPECT_AT(struct scheme_request, fd2, 60);
	EXPECT_AT(struct scheme_request, result, 64);
	EXPECT_AT(struct scheme_request, reserved, 72);
	EXPECT_AT(struct scheme_command, arg, 0);
	EXPECT_AT(struct scheme_command, size, 8);
	EXPECT_AT(struct scheme_command, reserved, 12);
}

TEST(S4_payload_structs_have_their_fields_in_place)
{
	EXPECT_AT(struct scheme_stat, mode, 0);
	EXPECT_AT(struct scheme_stat, nlink, 4);
	EXPECT_AT(struct scheme_stat, uid, 8);
	EXPECT_AT(struct scheme_stat, gid, 12);
	EXPECT_AT(struct scheme_stat, ino, 16);
	EXPECT_AT(struct scheme_stat, generation, 24);
	EXPECT_AT(struct scheme_stat, size, 32);
	EXPECT_AT(struct scheme_stat, blocks, 40);
	EXPECT_AT(struct scheme_stat, atime, 48);
	EXPECT_AT(struct scheme_stat, ctime, 64);
	EXPECT_AT(struct scheme_stat, atime_nsec, 72);
	EXPECT_AT(struct scheme_stat, ctime_nsec, 80);
	EXPECT_AT(struct scheme_stat, blksize, 84);
	EXPECT_AT(struct scheme_stat, lifetime_ns, 88);
	EXPECT_AT(struct scheme_stat, reserved, 96);
	EXPECT_AT(struct scheme_statfs, bfree, 8);
	EXPECT_AT(struct scheme_statfs, ffree, 32);
	EXPECT_AT(struct scheme_statfs, bsize, 40);
	EXPECT_AT(struct scheme_statfs, namelen, 44);
	EXPECT_AT(struct scheme_statfs, reserved, 48);
	EXPECT_AT(struct scheme_times, mtime, 8);
	EXPECT_AT(struct scheme_times, atime_nsec, 16);
	EXPECT_AT(struct scheme_times, mtime_nsec, 20);
	EXPECT_AT(struct scheme_paths, second_len, 4);
	EXPECT_AT(struct scheme_dirent, next, 8);
	EXPECT_AT(struct scheme_dirent, type, 16);
	EXPECT_AT(struct scheme_dirent, namelen, 18);
	EXPECT_AT(struct scheme_dirent, name, 24);
}

/* The numbers of the commands travel too: direction, size and place. */
TEST(S4_commands_have_their_numbers)
{
	EXPECT_EQ(0xc018de21UL, (unsigned long)SCHEME_IOC_ATTACH);
	EXPECT_EQ(0x4020de22UL, (unsigned long)SCHEME_IOC_ATTACH_MEMORY);
	EXPECT_EQ(0x4010de23UL, (unsigned long)SCHEME_IOC_FETCH);
	EXPECT_EQ(0xc050de33UL, (unsigned long)SCHEME_IOC_REQUEST);
	EXPECT_EQ(0xc028de38UL, (unsigned long)SCHEME_IOC_SENDFD);
	EXPECT_EQ(0x4020de39UL, (unsigned long)SCHEME_IOC_RECVFD);
	EXPECT_EQ(0x4018de3aUL, (unsigned long)SCHEME_IOC_MMAP_PREP);
	EXPECT_EQ(0x4018de40UL, (unsigned long)SCHEME_IOC_EVENT_WAIT);
}

TEST_HARNESS_MAIN
