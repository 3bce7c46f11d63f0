// SPDX-License-Identifier: GPL-2.0
/*
 * The same operations on ramfsd by system calls and commands, and on a direct ring: one
 * script runs both ways, writes down all that it sees, and the two must be equal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scheme_ring.h>

#include "../harness.h"
#include "../program.h"

#define NAME	"test-same"
#define POOL	(64 * 4096U)
#define PATHS	0ULL		/* in the pool: where paths go, and their answers */
#define DATA	32768ULL
#define TIME	(10000000000LL * slowness())

/* A way to reach the daemon, and what was seen on it. */
struct way {
	const char		*top;	/* a directory of its own */
	int			fd;	/* of the node, for commands */
	struct scheme_ring	*ring;	/* or NULL: system calls */
	char			*log;
	size_t			used;
};

#define LOG_MAX	65536

static void __attribute__((format(printf, 2, 3))) note(struct way *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->log + w->used, LOG_MAX - w->used, format, args);
	va_end(args);
	w->used += (size_t)n;
	if (w->used >= LOG_MAX)
		abort();
}

/* What is a number of its own on each way is only good or not. */
static long long good(int64_t ret)
{
	return ret < 0 ? ret : 0;
}

static void path_of(const struct way *w, const char *name, char path[256])
{
	snprintf(path, 256, "%s%s%s", w->top, *name ? "/" : "", name);
}

/* ---- entries ------------------------------------------------------------------ */

static void *at(const struct way *w, uint64_t addr)
{
	return scheme_ring_at(w->ring, addr, 4096);
}

static struct scheme_sqe *get(const struct way *w, uint8_t opcode, uint64_t handle)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(w->ring);

	if (!sqe)
		abort();
	sqe->opcode = opcode;
	sqe->handle = handle;
	sqe->user_data = 1;
	return sqe;
}

static int64_t ask(const struct way *w)
{
	struct scheme_cqe *cqe;
	int64_t result;
	int ret = scheme_ring_submit_and_wait(w->ring, &cqe, TIME);

	if (ret)
		return ret;
	result = cqe->result;
	scheme_ring_cqe_seen(w->ring, cqe);
	return result;
}

static struct scheme_sqe *get_path(const struct way *w, uint8_t opcode, const char *name)
{
	struct scheme_sqe *sqe = get(w, opcode, SCHEME_ROOT);
	char path[256];

	path_of(w, name, path);
	memcpy(at(w, PATHS), path, strlen(path));
	sqe->addr = PATHS;
	sqe->len = (uint32_t)strlen(path);
	return sqe;
}

static struct scheme_sqe *get_paths(const struct way *w, uint8_t opcode, const char *first,
				    const char *second)
{
	struct scheme_sqe *sqe = get(w, opcode, SCHEME_ROOT);
	struct scheme_paths head = {
		.first_len = (uint32_t)strlen(first),
		.second_len = (uint32_t)strlen(second),
	};
	uint8_t *mem = at(w, PATHS);

	memcpy(mem, &head, sizeof(head));
	memcpy(mem + sizeof(head), first, head.first_len + 1);
	memcpy(mem + sizeof(head) + head.first_len + 1, second, head.second_len);
	sqe->addr = PATHS;
	sqe->len = (uint32_t)sizeof(head) + head.first_len + 1 + head.second_len;
	sqe->aux = SCHEME_ROOT;
	return sqe;
}

/* ---- operations, both ways ------------------------------------------------------- */

static int64_t do_open(struct way *w, const char *name, int flags, mode_t mode)
{
	struct scheme_sqe *sqe;
	char path[256];
	int64_t ret;

	path_of(w, name, path);
	if (!w->ring) {
		ret = scheme_openat(w->fd, path, flags | O_CLOEXEC, mode);
	} else {
		sqe = get_path(w, SCHEME_OP_OPEN, name);
		sqe->op_flags = (uint32_t)flags;
		sqe->aux = mode;
		ret = ask(w);
	}
	note(w, "open %s %x: %lld\n", name, flags, good(ret));
	return ret;
}

static void do_close(struct way *w, int64_t h)
{
	if (h < 0)
		return;
	if (!w->ring) {
		close((int)h);
		return;
	}
	scheme_ring_prep_close(get(w, SCHEME_OP_CLOSE, 0), (uint64_t)h);
	scheme_ring_submit(w->ring);
}

static void do_write(struct way *w, int64_t h, const char *text, uint64_t offset)
{
	uint32_t len = (uint32_t)strlen(text);
	int64_t ret;

	if (!w->ring) {
		ret = pwrite((int)h, text, len, (off_t)offset);
		ret = ret < 0 ? -errno : ret;
	} else {
		memcpy(at(w, DATA), text, len);
		scheme_ring_prep_write(get(w, 0, 0), (uint64_t)h, DATA, len, offset);
		ret = ask(w);
	}
	note(w, "write %u at %llu: %lld\n", len, (unsigned long long)offset, (long long)ret);
}

static void do_read(struct way *w, int64_t h, uint32_t len, uint64_t offset)
{
	char bytes[4096] = "";
	int64_t ret;

	if (!w->ring) {
		ret = pread((int)h, bytes, len, (off_t)offset);
		ret = ret < 0 ? -errno : ret;
	} else {
		scheme_ring_prep_read(get(w, 0, 0), (uint64_t)h, DATA, len, offset);
		ret = ask(w);
		if (ret > 0)
			memcpy(bytes, at(w, DATA), (size_t)ret);
	}
	note(w, "read %u at %llu: %lld", len, (unsigned long long)offset, (long long)ret);
	for (int64_t i = 0; i < ret; i++)
		note(w, " %02x", (uint8_t)bytes[i]);
	note(w, "\n");
}

static void do_size(struct way *w, int64_t h)
{
	int64_t ret;

	if (!w->ring) {
		ret = lseek((int)h, 0, SEEK_END);
		ret = ret < 0 ? -errno : ret;
	} else {
		scheme_ring_prep_fsize(get(w, 0, 0), (uint64_t)h);
		ret = ask(w);
	}
	note(w, "size: %lld\n", (long long)ret);
}

static void do_sync(struct way *w, int64_t h, bool data_only)
{
	int64_t ret;

	if (!w->ring) {
		ret = data_only ? fdatasync((int)h) : fsync((int)h);
		ret = ret < 0 ? -errno : ret;
	} else {
		scheme_ring_prep_fsync(get(w, 0, 0), (uint64_t)h, data_only);
		ret = ask(w);
	}
	note(w, "sync: %lld\n", (long long)ret);
}

static void do_stat(struct way *w, const char *name)
{
	struct scheme_stat st = { 0 };
	char path[256];
	int64_t ret;

	path_of(w, name, path);
	if (!w->ring) {
		ret = scheme_statat(w->fd, path, &st);
	} else {
		get_path(w, SCHEME_OP_STAT, name)->aux = sizeof(st);
		ret = ask(w);
		if (ret == sizeof(st))
			memcpy(&st, at(w, PATHS), sizeof(st));
	}
	note(w, "stat %s: %lld mode %o nlink %u uid %u gid %u size %llu mtime %lld.%u\n", name,
	     good(ret), st.mode, st.nlink, st.uid, st.gid, (unsigned long long)st.size,
	     S_ISREG(st.mode) && st.mtime < 1000000 ? (long long)st.mtime : 0,
	     S_ISREG(st.mode) && st.mtime < 1000000 ? st.mtime_nsec : 0);
}

static void do_statfs(struct way *w)
{
	struct scheme_statfs st = { 0 };
	char path[256];
	int64_t ret;

	path_of(w, "", path);
	if (!w->ring) {
		ret = scheme_statfsat(w->fd, path, &st);
	} else {
		get_path(w, SCHEME_OP_STATFS, "")->aux = sizeof(st);
		ret = ask(w);
		if (ret == sizeof(st))
			memcpy(&st, at(w, PATHS), sizeof(st));
	}
	note(w, "statfs: %lld %llu blocks of %u\n", good(ret), (unsigned long long)st.blocks,
	     st.bsize);
}

/* TRUNCATE, CHMOD, CHOWN, UNLINK and MKDIR: a path and a number. */
static int64_t by_command(struct way *w, uint8_t opcode, const char *path, uint64_t value)
{
	switch (opcode) {
	case SCHEME_OP_TRUNCATE:
		return scheme_truncateat(w->fd, path, value);
	case SCHEME_OP_CHMOD:
		return scheme_chmodat(w->fd, path, (mode_t)value);
	case SCHEME_OP_CHOWN:
		return scheme_chownat(w->fd, path, (uid_t)value, (gid_t)(value >> 32));
	case SCHEME_OP_UNLINK:
		return scheme_unlinkat(w->fd, path, (unsigned int)value);
	default:
		return scheme_mkdirat(w->fd, path, (mode_t)value);
	}
}

static void do_number(struct way *w, uint8_t opcode, const char *name, uint64_t value)
{
	struct scheme_sqe *sqe;
	char path[256];
	int64_t ret;

	path_of(w, name, path);
	if (!w->ring) {
		ret = by_command(w, opcode, path, value);
	} else {
		sqe = get_path(w, opcode, name);
		if (opcode == SCHEME_OP_UNLINK)
			sqe->op_flags = (uint32_t)value;
		else
			sqe->aux = value;
		ret = ask(w);
	}
	note(w, "op %u %s %llx: %lld\n", opcode, name, (unsigned long long)value,
	     (long long)ret);
}

static void do_times(struct way *w, const char *name)
{
	const struct scheme_times times = { .atime = 11, .mtime = 22, .mtime_nsec = 33 };
	struct scheme_sqe *sqe;
	char path[256];
	int64_t ret;

	path_of(w, name, path);
	if (!w->ring) {
		ret = scheme_utimensat(w->fd, path, &times);
	} else {
		sqe = get_path(w, SCHEME_OP_UTIMENS, name);
		memcpy(at(w, PATHS), &times, sizeof(times));
		memcpy((char *)at(w, PATHS) + sizeof(times), path, strlen(path));
		sqe->len += sizeof(times);
		ret = ask(w);
	}
	note(w, "times %s: %lld\n", name, (long long)ret);
}

static void do_names(struct way *w, uint8_t opcode, const char *from, const char *to,
		     unsigned int flags)
{
	char first[256], second[256];
	int64_t ret;

	path_of(w, from, first);
	path_of(w, to, second);
	if (w->ring) {
		get_paths(w, opcode, opcode == SCHEME_OP_SYMLINK ? from : first,
			  second)->op_flags = flags;
		ret = ask(w);
	} else if (opcode == SCHEME_OP_RENAME) {
		ret = scheme_renameat(w->fd, first, -1, second, flags);
	} else if (opcode == SCHEME_OP_LINK) {
		ret = scheme_linkat(w->fd, first, -1, second);
	} else {
		ret = scheme_symlinkat(from, w->fd, second);
	}
	note(w, "op %u %s %s %x: %lld\n", opcode, from, to, flags, (long long)ret);
}

/* READLINK and PATH; the latter begins with the way's own directory. */
static void do_text(struct way *w, uint8_t opcode, const char *name, size_t room)
{
	char path[256], text[4096] = "";
	size_t skip = opcode == SCHEME_OP_PATH ? strlen(w->top) + 1 : 0;
	int64_t ret;

	path_of(w, name, path);
	if (w->ring) {
		get_path(w, opcode, name)->aux = room;
		ret = ask(w);
		if (ret > 0)
			memcpy(text, at(w, PATHS), (size_t)ret);
	} else if (opcode == SCHEME_OP_PATH) {
		ret = scheme_pathat(w->fd, path, text, room);
	} else {
		ret = scheme_readlinkat(w->fd, path, text, room);
	}
	note(w, "op %u %s: %lld \"%s\"\n", opcode, name, (long long)ret,
	     ret > 0 && (size_t)ret >= skip ? text + skip : "");
}

static void do_list(struct way *w, const char *name, uint32_t room)
{
	uint8_t bytes[4096], *end;
	int64_t ret, h = do_open(w, name, O_RDONLY | O_DIRECTORY, 0);
	uint64_t next = 0;

	if (h < 0)
		return;
	do {
		if (!w->ring) {
			ret = scheme_getdents((int)h, next, bytes, room);
		} else {
			struct scheme_sqe *sqe = get(w, SCHEME_OP_GETDENTS, (uint64_t)h);

			sqe->addr = DATA;
			sqe->len = room;
			sqe->offset = next;
			ret = ask(w);
			if (ret > 0)
				memcpy(bytes, at(w, DATA), (size_t)ret);
		}
		note(w, "entries: %lld", (long long)ret);
		end = bytes + (ret > 0 ? ret : 0);
		for (uint8_t *p = bytes; p < end; ) {
			struct scheme_dirent *d = (void *)p;

			note(w, " %.*s/%u", d->namelen, (const char *)d->name, d->type);
			next = d->next;
			p += SCHEME_DIRENT_SIZE(d->namelen);
		}
		note(w, "\n");
	} while (ret > 0);
	do_close(w, h);
}

/* ---- the script --------------------------------------------------------------------- */

static void files(struct way *w)
{
	int64_t h = do_open(w, "a", O_RDWR | O_CREAT | O_EXCL, 0644);

	do_write(w, h, "hello, world", 0);
	do_write(w, h, "far", 100);
	do_read(w, h, 20, 0);
	do_read(w, h, 200, 90);
	do_read(w, h, 1, 103);
	do_read(w, h, 0, 0);
	do_size(w, h);
	do_sync(w, h, false);
	do_sync(w, h, true);
	do_close(w, h);
	do_open(w, "a", O_RDWR | O_CREAT | O_EXCL, 0644);
	do_open(w, "none", O_RDWR, 0);
	do_open(w, "a/below", O_RDWR, 0);
	do_open(w, "", O_RDWR, 0);
	h = do_open(w, "a", O_RDONLY, 0);
	do_write(w, h, "x", 0);
	do_read(w, h, 5, 0);
	do_close(w, h);
	h = do_open(w, "a", O_WRONLY, 0);
	do_read(w, h, 5, 0);
	do_write(w, h, "J", 0);
	do_close(w, h);
	h = do_open(w, "a", O_RDWR | O_APPEND, 0);
	do_write(w, h, "end", 0);
	do_size(w, h);
	do_read(w, h, 10, 96);
	do_close(w, h);
	h = do_open(w, "a", O_RDWR | O_TRUNC, 0);
	do_size(w, h);
	do_close(w, h);
}

static void names(struct way *w)
{
	do_close(w, do_open(w, "b", O_RDWR | O_CREAT, 0600));
	do_number(w, SCHEME_OP_MKDIR, "dir", 0755);
	do_number(w, SCHEME_OP_MKDIR, "dir", 0755);
	do_number(w, SCHEME_OP_MKDIR, "no/dir", 0755);
	do_names(w, SCHEME_OP_RENAME, "b", "dir/c", 0);
	do_names(w, SCHEME_OP_RENAME, "b", "dir/d", 0);
	do_names(w, SCHEME_OP_RENAME, "a", "dir/c", SCHEME_RENAME_NOREPLACE);
	do_names(w, SCHEME_OP_RENAME, "a", "dir/c", SCHEME_RENAME_EXCHANGE);
	do_names(w, SCHEME_OP_RENAME, "dir", "dir/e", 0);
	do_names(w, SCHEME_OP_LINK, "dir/c", "l", 0);
	do_names(w, SCHEME_OP_LINK, "dir", "l2", 0);
	do_names(w, SCHEME_OP_SYMLINK, "dir/c", "sym", 0);
	do_names(w, SCHEME_OP_SYMLINK, "dir/c", "sym", 0);
	do_text(w, SCHEME_OP_READLINK, "sym", 100);
	do_text(w, SCHEME_OP_READLINK, "a", 100);
	do_text(w, SCHEME_OP_PATH, "dir/c", 200);
	do_text(w, SCHEME_OP_PATH, "none", 200);
	do_list(w, "", 4096);
	do_list(w, "dir", 64);
	do_list(w, "a", 4096);
	do_number(w, SCHEME_OP_UNLINK, "dir", 0);
	do_number(w, SCHEME_OP_UNLINK, "dir", SCHEME_UNLINK_DIR);
	do_number(w, SCHEME_OP_UNLINK, "dir/c", 0);
	do_number(w, SCHEME_OP_UNLINK, "dir/c", 0);
	do_number(w, SCHEME_OP_UNLINK, "dir", SCHEME_UNLINK_DIR);
	do_list(w, "", 4096);
}

static void attributes(struct way *w)
{
	do_stat(w, "l");
	do_number(w, SCHEME_OP_TRUNCATE, "l", 5000);
	do_number(w, SCHEME_OP_TRUNCATE, "none", 5000);
	do_number(w, SCHEME_OP_CHMOD, "l", 0640);
	do_number(w, SCHEME_OP_CHOWN, "l", 1000ULL | 1001ULL << 32);
	do_times(w, "l");
	do_stat(w, "l");
	do_stat(w, "sym");
	do_stat(w, "");
	do_stat(w, "none");
	do_statfs(w);
}

static void script(struct way *w)
{
	note(w, "begin\n");
	do_number(w, SCHEME_OP_MKDIR, "", 0755);
	files(w);
	names(w);
	attributes(w);
	note(w, "end\n");
}

/* ---- both ---------------------------------------------------------------------------- */

FIXTURE(same) {
	pid_t daemon;
	int file;
	struct way calls, ring;
};

FIXTURE_SETUP(same)
{
	const char *const argv[] = { "ramfsd", NAME, "--size", "8M", NULL };

	self->daemon = program_start(argv);
	ASSERT_LT(0, self->daemon);
	self->calls = (struct way){ .top = "calls", .log = malloc(LOG_MAX) };
	self->calls.fd = open("/dev/scheme/" NAME, O_ACCMODE | O_CLOEXEC);
	ASSERT_LE(0, self->calls.fd);
	self->ring = (struct way){ .top = "rings", .log = malloc(LOG_MAX), .fd = -1 };
	/* what a ring may is what its descriptor may */
	self->file = scheme_openat(self->calls.fd, "first", O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, scheme_ring_open(&self->ring.ring, self->file, NULL, POOL, 0));
}

FIXTURE_TEARDOWN(same)
{
	scheme_ring_close(self->ring.ring);
	close(self->file);
	close(self->calls.fd);
	free(self->calls.log);
	free(self->ring.log);
	EXPECT_EQ(0, program_stop(self->daemon));
}

TEST_F(same, U27_what_system_calls_do_a_ring_does)
{
	char *a, *b, *save_a, *save_b;
	unsigned int lines = 0;

	script(&self->calls);
	script(&self->ring);
	a = strtok_r(self->calls.log, "\n", &save_a);
	b = strtok_r(self->ring.log, "\n", &save_b);
	while (a && b) {
		EXPECT_STREQ(a, b);
		a = strtok_r(NULL, "\n", &save_a);
		b = strtok_r(NULL, "\n", &save_b);
		lines++;
	}
	EXPECT_EQ(NULL, a);
	EXPECT_EQ(NULL, b);
	TH_LOG("%u results are the same", lines);
	EXPECT_LE(70, lines);
}

/* What is opened one way is there the other way. */
TEST_F(same, U27_both_ways_see_the_same_files)
{
	struct way *c = &self->calls, *r = &self->ring;
	int64_t h;
	int index;

	r->top = c->top;
	do_number(c, SCHEME_OP_MKDIR, "", 0755);
	h = do_open(r, "x", O_RDWR | O_CREAT, 0600);
	do_write(r, h, "by a ring", 0);
	do_close(r, h);
	h = do_open(c, "x", O_RDWR, 0);
	ASSERT_LE(0, h);
	c->used = r->used = 0;
	do_read(c, h, 100, 0);
	index = scheme_ring_add_file(r->ring, (int)h);
	ASSERT_LE(0, index);
	do_read(r, (int64_t)(SCHEME_RING_FIXED | (unsigned int)index), 100, 0);
	EXPECT_STREQ(c->log, r->log);
	EXPECT_NE(NULL, strstr(r->log, "100 at 0: 9 62 79"));
	close((int)h);
}

TEST_HARNESS_MAIN
