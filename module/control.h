/* SPDX-License-Identifier: GPL-2.0 */
/* The control node: what the module can do, and the making of schemes. */
#ifndef SCHM_CONTROL_H
#define SCHM_CONTROL_H

int schm_control_init(void);
void schm_control_exit(void);

#endif /* SCHM_CONTROL_H */
