#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Debian 13, whatever Debian this machine runs: its packages, and a tree to build in.
# usage: eval "$(trixie.sh)"
#
# Prints lines for the shell:
#   APT_CONFIG  when exported, apt looks into trixie and trixie-backports and nowhere else.
#               Mirror, proxy and passwords are those of the machine's own apt, whose lists
#               and settings stay as they are
#   KROOT       root of a trixie tree with its compiler, sparse and dkms: the tools among
#               the headers of its kernels want its C library. inside.sh runs commands there
# The tree is named after the compiler and what else is in it; both live in the user's cache.
set -euo pipefail
. "$(dirname "$0")/common.sh"

suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
compiler=gcc-14
tools=("$compiler" make libc6-dev libelf1t64 libssl3t64 pahole sparse dkms)
apt=$CACHE/$suite/apt
export APT_CONFIG=$apt/apt.conf

# The machine's own mirror of Debian, also when a file has the list of mirrors.
mirror() {
	local uri
	# shellcheck disable=SC2016 # expanded by apt
	uri=$(env -u APT_CONFIG apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
	case $uri in
	mirror+file:* | mirror:file:*)
		uri=${uri#mirror?file:}
		uri=$(grep -om1 '^https\?://[^[:space:]]*' "/${uri##+(/)}") || true
		;;
	esac
	[ -z "$uri" ] || echo "${uri%/}"
}

# The settings are read before those of the machine, which have nothing to say about these.
configure_apt() {
	local mirror=$1 part
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	for part in $suite $suite-backports; do
		echo "deb [signed-by=$keyring] $mirror $part main"
	done >"$apt/sources.list"
	printf '%s\n' 'Package: linux-*' "Pin: release n=$suite-backports" 'Pin-Priority: 1001' \
		>"$apt/preferences"
	cat >"$APT_CONFIG" <<END
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "$apt/preferences";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
END
}

# The lists are as new as the machine's own. Without a network, old ones have to do.
refresh() {
	local mirror stamp=$apt/refreshed
	if [ -e "$stamp" ] && [ -z "$(find /var/lib/apt/lists /etc/apt "$0" -newer "$stamp" 2>/dev/null | head -1)" ]; then
		return
	fi
	mirror=$(mirror)
	if [ -z "$mirror" ] && [ "$(id -u)" = 0 ]; then
		(unset APT_CONFIG && apt_update)
		mirror=$(mirror)
	fi
	[ -n "$mirror" ] || die "this machine's apt knows no mirror of Debian to fetch $suite from"
	configure_apt "$mirror"
	apt_update || say "no fresh package lists of $suite"
	[ -z "$(find "$apt/lists" -name "*_$suite-backports_*_Packages*" | head -1)" ] || touch "$stamp"
}

# debootstrap fetches with wget, which takes its proxy from the environment.
proxy_of() {
	local PROXY=''
	eval "$(apt-config shell PROXY "Acquire::$1::Proxy")"
	[ "$PROXY" = DIRECT ] || echo "$PROXY"
}

bootstrap() {
	local final=$1 mirror tmp scheme proxy log=$CACHE/$suite/debootstrap.log
	[ "$(id -u)" = 0 ] || die "only root can make the tree of $suite"
	need debootstrap unshare
	mirror=$(sed -n '1s/.*\] \([^ ]*\) .*/\1/p' "$apt/sources.list")
	for scheme in http https; do
		proxy=$(proxy_of $scheme)
		[ -z "$proxy" ] || export "${scheme}_proxy=$proxy"
	done
	discard "$CACHE/$suite/.tree"
	tmp=$(mktemp -d "$CACHE/$suite/.tree.XXXXXX")
	# shellcheck disable=SC2064 # the path is known now
	trap "rm -rf '$tmp'" EXIT
	say "making a tree of $suite with its compiler; takes a minute or two"
	# In a namespace of its own, so that what it mounts is gone before anything is removed.
	unshare -m debootstrap --variant=minbase --force-check-gpg --keyring="$keyring" \
		--include="$(IFS=,; echo "${tools[*]}")" "$suite" "$tmp" "$mirror" 2>&1 9>&- |
		tee "$log" | sed -u -n 's/^I: \([A-Z][a-z]* \(core\|required\|the base\|base\) .*\)\.\.\./\1/p' |
		while read -r line; do say "  $line"; done ||
		{ tail -5 "$log" >&2; die "debootstrap fails, see $log"; }
	rm -rf "$tmp"/var/cache/apt/archives/*.deb "$tmp"/var/lib/apt/lists/*
	chmod 755 "$tmp"
	mv "$tmp" "$final"
}

# apt is slow to ask: the answer holds while its lists do.
compiler_version() {
	local memo=$apt/compiler
	# empty: it was killed in between
	if [ ! -s "$memo" ] || [ ! "$memo" -nt "$apt/refreshed" ]; then
		apt-cache policy $compiler 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -vx '(none)' >"$memo"
	fi
	cat "$memo"
}

newest_tree() {
	find "$CACHE/$suite" -mindepth 1 -maxdepth 1 -name 'tree-*' -printf '%T@ %p\n' | sort -n | sed -n '$s/^[^ ]* //p'
}

shopt -s extglob
need apt-cache apt-get apt-config
lock_cache $suite
mkdir -p "$CACHE/$suite"
attempt refresh
version=$(compiler_version) || true
tree=$CACHE/$suite/tree-$version-$(cksum <<<"${tools[*]}" | cut -d' ' -f1)
if [ -z "$version" ]; then
	tree=$(newest_tree)
elif [ ! -d "$tree" ]; then
	attempt bootstrap "$tree"
	[ "$ATTEMPT" = 0 ] || tree=$(newest_tree)
fi
[ -n "$tree" ] || die "no tree of $suite could be made and none is cached"
printf '%s=%q\n' APT_CONFIG "$APT_CONFIG" KROOT "$tree"
