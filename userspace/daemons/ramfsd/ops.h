/* SPDX-License-Identifier: MIT */
/* From requests to the file system. The scheme's user pointer is a struct fs. */
#ifndef RAMFSD_OPS_H
#define RAMFSD_OPS_H

#include <scheme.h>

#include "name.h"

extern const struct scheme_ops ramfs_ops;

/* An open file or directory. */
struct handle {
	struct node	*node;
	int		flags;		/* of its open */
	uint64_t	end;		/* last place that this listing shows; 0: any */
};

/* Lock the file system that a request is for. */
struct fs *op_begin(struct scheme_req *req);
/* Unlock it and answer. */
void op_end(struct fs *fs, struct scheme_req *req, int64_t ret);
struct caller op_caller(const struct scheme_req *req);
/* NULL: no such handle. */
struct handle *op_handle(const struct fs *fs, uint64_t number);
/* What a request's path starts at; NULL: no such handle. */
struct node *op_start(const struct fs *fs, uint64_t number);
/* Where a request's path leads, which must be something. 0 or -errno. */
int op_find(const struct fs *fs, const struct scheme_req *req, uint64_t handle,
	    const char *path, struct place *p);

/* On open files: file.c */
void on_open(struct scheme_req *req, uint64_t dir, const char *path, int flags,
	     mode_t mode);
void on_close(struct scheme *scheme, uint64_t handle);
void on_dup(struct scheme_req *req, uint64_t handle, const char *name);
void on_read(struct scheme_req *req, uint64_t handle, void *buf, uint32_t len,
	     uint64_t offset);
void on_write(struct scheme_req *req, uint64_t handle, const void *buf,
	      uint32_t len, uint64_t offset);
void on_fsize(struct scheme_req *req, uint64_t handle);
void on_fsync(struct scheme_req *req, uint64_t handle, bool data_only);
void on_mmap_prep(struct scheme_req *req, uint64_t handle, uint64_t offset,
		  uint64_t size, unsigned int flags);
void on_getdents(struct scheme_req *req, uint64_t handle, uint64_t offset);

#endif /* RAMFSD_OPS_H */
