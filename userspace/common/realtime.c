// SPDX-License-Identifier: MIT
#include "realtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

int realtime_begin(int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	if (!priority)
		return 0;
	/* of the thread, says the kernel of the latter, whatever POSIX may say */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) ||
	    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		return -errno;
	return 0;
}

bool realtime_is_throttled(void)
{
	char text[32] = "";
	int fd = open(RUNTIME, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && strtol(text, NULL, 10) >= 0;
}
