// SPDX-License-Identifier: MIT
#include "audioplay.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX	(1LL << 30)
#define LOUD		8192.0		/* a quarter of what there is */

static int read_all(int fd, uint8_t *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int read_file(struct source *s, int fd)
{
	struct stat st;
	uint8_t *bytes;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return -EINVAL;
	if (st.st_size > FILE_MAX)
		return -EFBIG;
	bytes = malloc((size_t)st.st_size);
	if (!bytes)
		return -ENOMEM;
	ret = read_all(fd, bytes, (size_t)st.st_size);
	if (ret) {
		free(bytes);
		return ret;
	}
	*s = (struct source){ .bytes = bytes, .size = (uint64_t)st.st_size };
	return 0;
}

int source_file(struct source *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = read_file(s, fd);
	close(fd);
	return ret;
}

void source_tone(struct source *s, double hz, const struct sink_status *format)
{
	*s = (struct source){ .step = hz / format->rate,
			      .channels = format->channels };
}

void source_free(struct source *s)
{
	free((void *)s->bytes);
}

/* ---- sound ------------------------------------------------------------------------ */

static void get_bytes(struct source *s, uint8_t *buf, uint32_t bytes)
{
	uint64_t left = s->size - s->at;
	uint32_t n = left < bytes ? (uint32_t)left : bytes;

	memcpy(buf, s->bytes + s->at, n);
	memset(buf + n, 0, bytes - n);
	s->at += n;
}

static void get_tone(struct source *s, uint8_t *buf, uint32_t bytes)
{
	uint32_t frames = bytes / (2 * s->channels);

	for (uint32_t i = 0; i < frames; i++) {
		int16_t level = (int16_t)(LOUD * sin(2 * M_PI * s->phase));
		uint16_t sample = htole16((uint16_t)level);

		s->phase += s->step;
		s->phase -= floor(s->phase);
		for (uint32_t c = 0; c < s->channels; c++, buf += 2)
			memcpy(buf, &sample, 2);
	}
}

void source_get(struct source *s, uint8_t *buf, uint32_t bytes)
{
	if (s->bytes)
		get_bytes(s, buf, bytes);
	else
		get_tone(s, buf, bytes);
}
