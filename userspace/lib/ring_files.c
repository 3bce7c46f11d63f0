// SPDX-License-Identifier: MIT
/*
 * A ring's server: what the client may name. A handle in an entry is an index into
 * this table, so that a client reaches only what it has opened, or been given.
 */
#include "ring_serve.h"

int files_add(struct scheme_ring_server *s, uint64_t number, bool owned)
{
	for (uint32_t i = 0; i < s->config.files; i++) {
		if (s->files[i].state != FILE_FREE)
			continue;
		s->files[i] = (struct ring_file){
			.number = number,
			.state = FILE_OPEN,
			.owned = owned,
		};
		return (int)i;
	}
	return -EMFILE;
}

static struct ring_file *find(struct scheme_ring_server *s, uint64_t handle)
{
	if (handle >= s->config.files || s->files[handle].state != FILE_OPEN)
		return NULL;
	return &s->files[handle];
}

int files_use(struct scheme_ring_server *s, uint64_t handle, __u64 *number,
	      uint32_t *index)
{
	struct ring_file *f;

	*index = NO_FILE;
	*number = SCHEME_ROOT;
	if (handle == SCHEME_ROOT)
		return 0;
	f = find(s, handle);
	if (!f)
		return -EBADF;
	f->in_flight++;
	*number = f->number;
	*index = (uint32_t)handle;
	return 0;
}

/* Closed, and nobody uses it any more. */
static void end_if_idle(struct scheme_ring_server *s, struct ring_file *f)
{
	if (f->state != FILE_CLOSING || f->in_flight)
		return;
	f->state = FILE_FREE;
	s->nr_files--;
	if (f->owned && s->scheme->ops.close)
		s->scheme->ops.close(s->scheme, f->number);
}

void files_release(struct scheme_ring_server *s, uint32_t index)
{
	if (index == NO_FILE)
		return;
	s->files[index].in_flight--;
	end_if_idle(s, &s->files[index]);
}

void files_close(struct scheme_ring_server *s, uint64_t handle)
{
	struct ring_file *f = find(s, handle);

	if (!f)
		return;
	f->state = FILE_CLOSING;
	end_if_idle(s, f);
}

void files_close_all(struct scheme_ring_server *s)
{
	for (uint32_t i = 0; i < s->config.files; i++)
		files_close(s, i);
}

int scheme_ring_server_add_file(struct scheme_ring_server *s, uint64_t handle)
{
	if (s->nr_files == s->config.files)
		return -EMFILE;
	s->nr_files++;
	return files_add(s, handle, false);
}
