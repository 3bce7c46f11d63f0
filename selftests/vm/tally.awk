# SPDX-License-Identifier: GPL-2.0
# Passes TAP through, line by line, and writes "PASSED FAILED SKIPPED PLANNED" to the
# file named by -v counts=FILE, then the names of failed functions of kselftest programs,
# one a line. PLANNED is -1 without a plan. Runs in the VM and outside.
BEGIN {
	planned = -1
}

{
	print
	fflush()
}

/^ok / {
	if ($0 ~ /# *SKIP/)
		skipped++
	else
		passed++
}

/^not ok / {
	if ($0 ~ /# *SKIP/)
		skipped++
	else if ($0 ~ /# *(XFAIL|TODO)/)
		passed++
	else {
		failed++
		# 'not ok 3 fixture.variant.function'
		if ($5 == "" && $4 ~ /[.]/)
			names[failed] = substr($4, match($4, /[^.]*$/))
	}
}

/^1\.\.[0-9]+/ {
	# a script may run several programs
	planned = (planned < 0 ? 0 : planned) + substr($1, 4)
	if (substr($1, 4) == 0)
		skipped++
}

/^Bail out!/ {
	failed++
}

END {
	print passed + 0, failed + 0, skipped + 0, planned > counts
	for (n in names)
		print names[n] > counts
}
