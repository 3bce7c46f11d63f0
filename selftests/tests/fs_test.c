// SPDX-License-Identifier: GPL-2.0
/* schemefs with a provider that means well: system calls by path. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../harness.h"
#include "../tree.h"

#define NAME	"test-fs"
#define MNT	"/tmp/fs_test.mnt"
#define TOP	MNT "/" NAME

FIXTURE(fs) {
	struct tree t;
	struct stat st;
	char buf[8192];
};

FIXTURE_SETUP(fs)
{
	umask(022);
	ASSERT_EQ(0, tree_start_thread(&self->t, NAME));
	mkdir(MNT, 0755);
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, NULL));
}

FIXTURE_TEARDOWN(fs)
{
	EXPECT_EQ(0, chdir("/"));
	EXPECT_EQ(0, umount(MNT));
	tree_stop(&self->t);
}

static int put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* What the file says, up to 255 bytes. */
static const char *get_file(const char *path)
{
	static char text[256];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return "";
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

#define EXPECT_ERRNO(err, call)			\
do {						\
	errno = 0;				\
	EXPECT_EQ(-1, call);			\
	EXPECT_EQ(err, errno);			\
} while (0)

/* ---- S5: names ------------------------------------------------------------ */

TEST_F(fs, S5_the_root_lists_the_schemes)
{
	DIR *dir = opendir(MNT);
	struct dirent *e;
	bool found = false;

	ASSERT_NE(NULL, dir);
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, NAME))
			continue;
		found = true;
		EXPECT_EQ(DT_DIR, e->d_type);
	}
	closedir(dir);
	EXPECT_TRUE(found);
	EXPECT_EQ(0, stat(TOP, &self->st));
	EXPECT_TRUE(S_ISDIR(self->st.st_mode));
	EXPECT_ERRNO(ENOENT, stat(MNT "/nothing", &self->st));
	EXPECT_ERRNO(EACCES, open(MNT "/new", O_CREAT | O_WRONLY, 0600));
	EXPECT_ERRNO(EPERM, mkdir(MNT "/new", 0700));
	EXPECT_ERRNO(EPERM, rmdir(TOP));
	EXPECT_ERRNO(EPERM, rename(TOP, MNT "/other"));
	EXPECT_ERRNO(EPERM, chmod(TOP, 0777));
}

TEST_F(fs, S5_path_and_url_reach_the_same_inner_path)
{
	static const char *const names[] = {
		NAME ":a/b", "/scheme/" NAME "/a/b", "/dev/scheme/" NAME "/a/b",
		NAME ":/a//b", NAME ":a/./c/../b", NAME ":../../a/b",
	};
	int fd;

	ASSERT_EQ(0, mkdir(TOP "/a", 0755));
	ASSERT_EQ(0, put_file(TOP "/a/b", "here"));
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		self->t.state->path[0] = '\0';
		fd = scheme_open(names[i], O_RDONLY, 0);
		EXPECT_LE(0, fd);
		EXPECT_STREQ("a/b", self->t.state->path);
		close(fd);
	}
	fd = open(TOP "/a/b", O_RDONLY);
	EXPECT_LE(0, fd);
	EXPECT_STREQ("a/b", self->t.state->path);
	close(fd);
}

TEST_F(fs, S5_dotdot_never_leaves_the_scheme)
{
	ASSERT_EQ(0, mkdir(TOP "/a", 0755));
	ASSERT_EQ(0, put_file(TOP "/b", "at the top"));
	EXPECT_STREQ("at the top", get_file(TOP "/a/../b"));
	EXPECT_STREQ("b", self->t.state->path);
	/* one more is the kernel's own root of the mount */
	ASSERT_EQ(0, stat(TOP "/a/../..", &self->st));
	EXPECT_EQ(0, access(TOP "/a/../../" NAME "/b", F_OK));
	EXPECT_STREQ("b", self->t.state->path);
}

TEST_F(fs, S5_path_limits)
{
	char path[sizeof(TOP "/") + 256];
	int depth = 0, dir = open(TOP, O_DIRECTORY), next;

	memset(self->buf, 'x', 256);
	self->buf[256] = '\0';
	snprintf(path, sizeof(path), TOP "/%.256s", self->buf);
	EXPECT_ERRNO(ENAMETOOLONG, stat(path, &self->st));
	path[strlen(path) - 1] = '\0';
	EXPECT_EQ(0, mkdir(path, 0755));
	/* directory in directory, until the inner path is too long */
	self->buf[255] = '\0';
	ASSERT_LE(0, dir);
	for (;;) {
		if (mkdirat(dir, self->buf, 0755) && errno != EEXIST)
			break;
		next = openat(dir, self->buf, O_DIRECTORY);
		if (next < 0)
			break;
		close(dir);
		dir = next;
		depth++;
	}
	EXPECT_EQ(ENAMETOOLONG, errno);
	EXPECT_EQ((SCHEME_PATH_MAX + 1) / 256, depth);
	close(dir);
}

/* ---- S7: open ------------------------------------------------------------- */

TEST_F(fs, S7_create_open_read_write)
{
	int fd = open(TOP "/f", O_RDWR | O_CREAT | O_EXCL, 0640);

	ASSERT_LE(0, fd);
	EXPECT_EQ(5, write(fd, "hello", 5));
	EXPECT_EQ(5, pread(fd, self->buf, 10, 0));
	EXPECT_EQ(0, memcmp("hello", self->buf, 5));
	EXPECT_EQ(0, fstat(fd, &self->st));
	EXPECT_EQ(S_IFREG | 0640, self->st.st_mode);
	EXPECT_EQ(5, self->st.st_size);
	EXPECT_EQ(5, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
	EXPECT_ERRNO(EEXIST, open(TOP "/f", O_RDWR | O_CREAT | O_EXCL, 0640));
	EXPECT_STREQ("hello", get_file(TOP "/f"));
	EXPECT_EQ(0, put_file(TOP "/f", "bye"));
	EXPECT_STREQ("bye", get_file(TOP "/f"));
}

TEST_F(fs, S7_a_file_that_its_maker_may_not_open)
{
	int fd = open(TOP "/f", O_WRONLY | O_CREAT, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(3, write(fd, "abc", 3));
	EXPECT_EQ(0, fchmod(fd, 0444));
	close(fd);
	EXPECT_STREQ("abc", get_file(TOP "/f"));
}

TEST_F(fs, S7_wrong_types)
{
	ASSERT_EQ(0, put_file(TOP "/f", "x"));
	ASSERT_EQ(0, mkdir(TOP "/d", 0755));
	ASSERT_EQ(0, symlink("f", TOP "/l"));
	EXPECT_ERRNO(ENOTDIR, open(TOP "/f", O_RDONLY | O_DIRECTORY));
	EXPECT_ERRNO(ENOTDIR, open(TOP "/f/x", O_RDONLY));
	EXPECT_ERRNO(EISDIR, open(TOP "/d", O_WRONLY));
	EXPECT_ERRNO(EISDIR, open(TOP "/d", O_RDONLY | O_CREAT, 0644));
	EXPECT_ERRNO(ELOOP, open(TOP "/l", O_RDONLY | O_NOFOLLOW));
	EXPECT_ERRNO(ENOENT, open(TOP "/no", O_RDONLY));
	EXPECT_ERRNO(EISDIR, truncate(TOP "/d", 0));
	EXPECT_STREQ("x", get_file(TOP "/l"));
}

TEST_F(fs, S7_nothing_is_executed_and_no_device_opened)
{
	struct statvfs vfs;
	char *const args[] = { "f", NULL };
	pid_t pid;
	int status;

	ASSERT_EQ(0, put_file(TOP "/f", "#!/bin/sh\nexit 0\n"));
	ASSERT_EQ(0, chmod(TOP "/f", 04755));
	pid = fork();
	if (!pid) {
		execv(TOP "/f", args);
		_exit(errno);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
	EXPECT_ERRNO(EPERM, mknod(TOP "/dev", S_IFCHR | 0666, makedev(1, 3)));
	EXPECT_EQ(0, statvfs(TOP, &vfs));
	/* even if the mount asks for the contrary */
	ASSERT_EQ(0, mount("none", MNT, NULL, MS_REMOUNT | MS_BIND, NULL));
	pid = fork();
	if (!pid) {
		execv(TOP "/f", args);
		_exit(errno);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
}

TEST_F(fs, S7_o_direct_needs_nothing_special)
{
	int fd;

	ASSERT_EQ(0, put_file(TOP "/f", "direct"));
	fd = open(TOP "/f", O_RDONLY | O_DIRECT);
	ASSERT_LE(0, fd);
	EXPECT_EQ(6, read(fd, self->buf + 1, 99));
	close(fd);
}

/* ---- S8, S9: what is done with a file -------------------------------------- */

TEST_F(fs, S8_append_and_the_size_after_a_write)
{
	int fd = open(TOP "/f", O_WRONLY | O_CREAT | O_APPEND, 0644);

	ASSERT_LE(0, fd);
	EXPECT_EQ(3, write(fd, "abc", 3));
	EXPECT_EQ(0, put_file(TOP "/f", "12345"));
	EXPECT_EQ(3, write(fd, "def", 3));
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_EQ(8, self->st.st_size);
	EXPECT_STREQ("12345def", get_file(TOP "/f"));
	close(fd);
}

TEST_F(fs, S8_splice_and_sendfile)
{
	int in, out, pipes[2];

	memset(self->buf, 'q', sizeof(self->buf));
	in = open(TOP "/in", O_RDWR | O_CREAT, 0644);
	out = open(TOP "/out", O_RDWR | O_CREAT, 0644);
	ASSERT_LE(0, in);
	ASSERT_LE(0, out);
	ASSERT_EQ(8192, write(in, self->buf, 8192));
	ASSERT_EQ(0, lseek(in, 0, SEEK_SET));
	EXPECT_EQ(8192, sendfile(out, in, NULL, 100000));
	EXPECT_EQ(0, fstat(out, &self->st));
	EXPECT_EQ(8192, self->st.st_size);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, lseek(out, 0, SEEK_SET));
	EXPECT_EQ(4096, splice(out, NULL, pipes[1], NULL, 4096, 0));
	EXPECT_EQ(4096, splice(pipes[0], NULL, in, NULL, 4096, 0));
	EXPECT_EQ(0, fstat(in, &self->st));
	EXPECT_EQ(8192 + 4096, self->st.st_size);
	close(in);
	close(out);
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(fs, S9_the_end_is_where_the_provider_says)
{
	int fd, other;

	ASSERT_EQ(0, put_file(TOP "/f", "12345"));
	fd = open(TOP "/f", O_RDONLY);
	other = scheme_open(NAME ":f", O_RDWR, 0);
	ASSERT_LE(0, fd);
	ASSERT_LE(0, other);
	EXPECT_EQ(5, lseek(fd, 0, SEEK_END));
	/* behind the mount's back */
	EXPECT_EQ(4, pwrite(other, "6789", 4, 5));
	EXPECT_EQ(9, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(0, fstat(fd, &self->st));
	EXPECT_EQ(9, self->st.st_size);
	close(fd);
	close(other);
}

/* ---- S10: attributes ------------------------------------------------------- */

TEST_F(fs, S10_attributes_are_changed_and_read)
{
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	int fd;

	ASSERT_EQ(0, put_file(TOP "/f", "12345"));
	EXPECT_EQ(0, chmod(TOP "/f", 0600));
	EXPECT_EQ(0, chown(TOP "/f", 12, 34));
	EXPECT_EQ(0, truncate(TOP "/f", 3));
	EXPECT_EQ(0, utimensat(AT_FDCWD, TOP "/f", times, 0));
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_EQ(S_IFREG | 0600, self->st.st_mode);
	EXPECT_EQ(12, self->st.st_uid);
	EXPECT_EQ(34, self->st.st_gid);
	EXPECT_EQ(3, self->st.st_size);
	EXPECT_EQ(1000, self->st.st_atim.tv_sec);
	EXPECT_EQ(5, self->st.st_atim.tv_nsec);
	EXPECT_EQ(2000, self->st.st_mtim.tv_sec);
	EXPECT_EQ(7, self->st.st_mtim.tv_nsec);
	fd = open(TOP "/f", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ftruncate(fd, 10));
	EXPECT_EQ(0, fchown(fd, 0, -1));
	EXPECT_EQ(0, fchmod(fd, 0644));
	EXPECT_EQ(0, futimens(fd, NULL));
	EXPECT_EQ(0, fstat(fd, &self->st));
	EXPECT_EQ(S_IFREG | 0644, self->st.st_mode);
	EXPECT_EQ(0, self->st.st_uid);
	EXPECT_EQ(34, self->st.st_gid);
	EXPECT_EQ(10, self->st.st_size);
	EXPECT_LT(100000, self->st.st_mtim.tv_sec);
	close(fd);
}

TEST_F(fs, S10_statfs)
{
	struct statfs st;

	EXPECT_EQ(0, statfs(TOP, &st));
	EXPECT_EQ(4096, st.f_bsize);
	EXPECT_EQ(1000, st.f_blocks);
	EXPECT_EQ(500, st.f_bfree);
	EXPECT_EQ(400, st.f_bavail);
	EXPECT_EQ(255, st.f_namelen);
	/* the provider's root is no scheme's */
	EXPECT_EQ(0, statfs(MNT, &st));
}

TEST_F(fs, S10_nothing_is_remembered_unless_allowed)
{
	int fd;

	ASSERT_EQ(0, put_file(TOP "/f", "1"));
	fd = scheme_open(NAME ":f", O_RDWR, 0);
	ASSERT_LE(0, fd);
	for (int i = 1; i < 10; i++) {
		EXPECT_EQ(0, scheme_truncateat(fd, "", i));
		EXPECT_EQ(0, stat(TOP "/f", &self->st));
		EXPECT_EQ(i, self->st.st_size);
	}
	self->t.state->lifetime_ns = 3600ULL * 1000000000;
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_EQ(0, scheme_truncateat(fd, "", 77));
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_EQ(9, self->st.st_size);
	/* a change of our own counts at once */
	EXPECT_EQ(0, chmod(TOP "/f", 0600));
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_EQ(77, self->st.st_size);
	close(fd);
}

TEST_F(fs, S10_devices_and_numbers_are_told_apart)
{
	struct stat top, file;

	ASSERT_EQ(0, put_file(TOP "/f", "1"));
	ASSERT_EQ(0, stat(MNT, &self->st));
	ASSERT_EQ(0, stat(TOP, &top));
	ASSERT_EQ(0, stat(TOP "/f", &file));
	EXPECT_NE(self->st.st_dev, top.st_dev);
	EXPECT_EQ(top.st_dev, file.st_dev);
	EXPECT_NE(top.st_ino, file.st_ino);
}

/* ---- S11: names ------------------------------------------------------------ */

TEST_F(fs, S11_directories)
{
	ASSERT_EQ(0, mkdir(TOP "/d", 0750));
	EXPECT_EQ(0, stat(TOP "/d", &self->st));
	EXPECT_EQ(S_IFDIR | 0750, self->st.st_mode);
	EXPECT_ERRNO(EEXIST, mkdir(TOP "/d", 0750));
	EXPECT_EQ(0, put_file(TOP "/d/f", "x"));
	EXPECT_ERRNO(ENOTEMPTY, rmdir(TOP "/d"));
	EXPECT_ERRNO(EISDIR, unlink(TOP "/d"));
	EXPECT_ERRNO(ENOTDIR, rmdir(TOP "/d/f"));
	EXPECT_EQ(0, unlink(TOP "/d/f"));
	EXPECT_EQ(0, rmdir(TOP "/d"));
	EXPECT_ERRNO(ENOENT, stat(TOP "/d", &self->st));
	EXPECT_ERRNO(ENOENT, mkdir(TOP "/d/e", 0755));
}

TEST_F(fs, S11_links)
{
	ASSERT_EQ(0, put_file(TOP "/f", "x"));
	EXPECT_EQ(0, link(TOP "/f", TOP "/g"));
	EXPECT_EQ(0, stat(TOP "/g", &self->st));
	EXPECT_EQ(2, self->st.st_nlink);
	EXPECT_EQ(0, put_file(TOP "/g", "both"));
	EXPECT_STREQ("both", get_file(TOP "/f"));
	EXPECT_EQ(0, unlink(TOP "/f"));
	EXPECT_EQ(0, stat(TOP "/g", &self->st));
	EXPECT_EQ(1, self->st.st_nlink);
	EXPECT_EQ(0, symlink("g", TOP "/l"));
	EXPECT_EQ(1, readlink(TOP "/l", self->buf, 10));
	EXPECT_EQ('g', self->buf[0]);
	EXPECT_STREQ("both", get_file(TOP "/l"));
	EXPECT_EQ(0, lstat(TOP "/l", &self->st));
	EXPECT_TRUE(S_ISLNK(self->st.st_mode));
	EXPECT_ERRNO(EEXIST, symlink("g", TOP "/l"));
	EXPECT_ERRNO(EXDEV, link(TOP "/g", "/tmp/g"));
}

TEST_F(fs, S11_rename)
{
	int fd;

	ASSERT_EQ(0, mkdir(TOP "/d", 0755));
	ASSERT_EQ(0, mkdir(TOP "/e", 0755));
	ASSERT_EQ(0, put_file(TOP "/d/f", "f"));
	fd = open(TOP "/d/f", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, rename(TOP "/d/f", TOP "/e/g"));
	EXPECT_STREQ("f", get_file(TOP "/e/g"));
	EXPECT_ERRNO(ENOENT, stat(TOP "/d/f", &self->st));
	/* what is open goes along, what is above, too */
	EXPECT_EQ(0, rename(TOP "/e", TOP "/h"));
	EXPECT_EQ(0, fchmod(fd, 0600));
	EXPECT_EQ(0, fstat(fd, &self->st));
	EXPECT_STREQ("f", get_file(TOP "/h/g"));
	/* flags */
	ASSERT_EQ(0, put_file(TOP "/x", "x"));
	EXPECT_ERRNO(EEXIST, syscall(SYS_renameat2, AT_FDCWD, TOP "/x", AT_FDCWD,
				     TOP "/h/g", 1));
	EXPECT_EQ(0, syscall(SYS_renameat2, AT_FDCWD, TOP "/x", AT_FDCWD,
			     TOP "/h/g", 2));
	EXPECT_STREQ("f", get_file(TOP "/x"));
	EXPECT_STREQ("x", get_file(TOP "/h/g"));
	EXPECT_ERRNO(EINVAL, syscall(SYS_renameat2, AT_FDCWD, TOP "/x", AT_FDCWD,
				     TOP "/h/y", 4));
	EXPECT_ERRNO(EINVAL, rename(TOP "/h", TOP "/h/i"));
	EXPECT_EQ(0, rename(TOP "/x", TOP "/h/g"));
	EXPECT_STREQ("f", get_file(TOP "/h/g"));
	EXPECT_ERRNO(EXDEV, rename(TOP "/h/g", "/tmp/g"));
	EXPECT_ERRNO(EXDEV, rename(TOP "/h/g", MNT "/g"));
	close(fd);
}

TEST_F(fs, S11_an_open_file_outlives_its_name)
{
	int fd;

	ASSERT_EQ(0, put_file(TOP "/f", "old"));
	fd = open(TOP "/f", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, unlink(TOP "/f"));
	ASSERT_EQ(0, put_file(TOP "/f", "newer"));
	EXPECT_EQ(0, fstat(fd, &self->st));
	EXPECT_EQ(3, self->st.st_size);
	EXPECT_EQ(0, self->st.st_nlink);
	EXPECT_EQ(0, ftruncate(fd, 1));
	EXPECT_EQ(0, fchmod(fd, 0600));
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_EQ(5, self->st.st_size);
	EXPECT_EQ(S_IFREG | 0644, self->st.st_mode);
	close(fd);
}

TEST_F(fs, S11_a_descriptor_without_handle_does_not_reach_a_successor)
{
	int fd;

	ASSERT_EQ(0, put_file(TOP "/f", "old"));
	fd = open(TOP "/f", O_PATH);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, unlink(TOP "/f"));
	ASSERT_EQ(0, put_file(TOP "/f", "newer"));
	EXPECT_ERRNO(ESTALE, fstat(fd, &self->st));
	EXPECT_ERRNO(ESTALE, fchownat(fd, "", 1, 1, AT_EMPTY_PATH));
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_EQ(0, self->st.st_uid);
	close(fd);
}

/* Names in a directory from a position on, as a list. */
static unsigned int names_from(DIR *dir, char list[][16], long at[], unsigned int max)
{
	struct dirent *e;
	unsigned int nr = 0;

	while (nr < max) {
		at[nr] = telldir(dir);
		e = readdir(dir);
		if (!e)
			break;
		snprintf(list[nr++], 16, "%.15s", e->d_name);
	}
	return nr;
}

TEST_F(fs, S11_getdents_is_resumed_from_any_offset)
{
	enum { NR = 100 };
	static char all[NR + 10][16], rest[NR + 10][16];
	static long at[NR + 10], none[NR + 10];
	unsigned int nr, more;
	DIR *dir;

	for (int i = 0; i < NR; i++) {
		snprintf(self->buf, 64, TOP "/file%d", i);
		ASSERT_EQ(0, put_file(self->buf, ""));
	}
	for (self->t.state->entries = 0; self->t.state->entries < 14;
	     self->t.state->entries += 7) {
		dir = opendir(TOP);
		ASSERT_NE(NULL, dir);
		nr = names_from(dir, all, at, NR + 10);
		ASSERT_EQ(NR + 2, nr);
		EXPECT_STREQ(".", all[0]);
		EXPECT_STREQ("..", all[1]);
		for (unsigned int i = 0; i < nr; i += 9) {
			seekdir(dir, at[i]);
			more = names_from(dir, rest, none, NR + 10);
			ASSERT_EQ(nr - i, more);
			for (unsigned int k = 0; k < more; k++)
				EXPECT_STREQ(all[i + k], rest[k]);
		}
		rewinddir(dir);
		EXPECT_EQ(nr, names_from(dir, rest, none, NR + 10));
		closedir(dir);
	}
}

TEST_F(fs, S11_changes_behind_the_mount_are_seen)
{
	int base = open("/dev/scheme/" NAME, O_ACCMODE);

	ASSERT_LE(0, base);
	ASSERT_EQ(0, put_file(TOP "/f", "1"));
	EXPECT_EQ(0, scheme_renameat(base, "f", -1, "g", 0));
	EXPECT_ERRNO(ENOENT, stat(TOP "/f", &self->st));
	EXPECT_STREQ("1", get_file(TOP "/g"));
	EXPECT_EQ(0, scheme_unlinkat(base, "g", 0));
	EXPECT_EQ(0, scheme_mkdirat(base, "g", 0755));
	EXPECT_EQ(0, stat(TOP "/g", &self->st));
	EXPECT_TRUE(S_ISDIR(self->st.st_mode));
	EXPECT_EQ(0, scheme_symlinkat("g", base, "f"));
	EXPECT_EQ(0, stat(TOP "/f", &self->st));
	EXPECT_TRUE(S_ISDIR(self->st.st_mode));
	close(base);
}

/* ---- mounts beneath -------------------------------------------------------- */

TEST_F(fs, S11_a_mount_beneath_survives_as_long_as_the_object_does)
{
	ASSERT_EQ(0, mkdir(TOP "/m", 0755));
	ASSERT_EQ(0, mount("none", TOP "/m", "tmpfs", 0, NULL));
	ASSERT_EQ(0, put_file(TOP "/m/f", "in tmpfs"));
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(0, stat(TOP "/m", &self->st));
		EXPECT_STREQ("in tmpfs", get_file(TOP "/m/f"));
	}
	EXPECT_ERRNO(EBUSY, rmdir(TOP "/m"));
	EXPECT_EQ(0, umount(TOP "/m"));
	EXPECT_EQ(0, rmdir(TOP "/m"));
}

TEST_HARNESS_MAIN
