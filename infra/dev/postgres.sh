#!/bin/sh
# Starts a Postgres 17 with pgvector on a loopback port, without Docker and
# without touching the system: Debian's packages are unpacked into a cache
# folder and run from there in a user namespace (or, where those are forbidden,
# in a chroot as root). For tests and experiments: it trusts every local
# connection and does not sync to disk.
#
#   infra/dev/postgres.sh start   # idempotent; prints the DSN
#   infra/dev/postgres.sh stop
#   infra/dev/postgres.sh status
#   infra/dev/postgres.sh dsn
#   infra/dev/postgres.sh clean   # stop, and remove everything that was made
#
# ASSAY_POSTGRES_PORT (default 54317) and ASSAY_POSTGRES_DIR (default
# ~/.cache/assay/postgres17) say where. Packages come from the mirror that this
# machine's own apt sources name.
set -eu

port=${ASSAY_POSTGRES_PORT:-54317}
dir=${ASSAY_POSTGRES_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/assay/postgres17}
root=$dir/root
bin=/usr/lib/postgresql/17/bin
dsn="postgres://postgres@127.0.0.1:$port/assay?sslmode=disable"

die() {
	echo "postgres.sh: $1" >&2
	echo "elsewhere: docker run -d -p 127.0.0.1:$port:5432 -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=assay pgvector/pgvector:pg17" >&2
	echo "then:      export ASSAY_TEST_POSTGRES='$dsn'" >&2
	exit 1
}

# inside runs a command of the unpacked system as its user postgres (999).
inside() {
	if unshare -U --map-user=999 --map-group=999 true 2>/dev/null; then
		PATH=/usr/bin:/bin unshare -U --map-user=999 --map-group=999 -R "$root" "$@"
	elif [ "$(id -u)" = 0 ]; then
		chown -R 999:999 "$root/data" "$root/tmp" "$root/dev"
		PATH=/usr/bin:/bin:/usr/sbin chroot --userspec=999:999 "$root" "$@"
	else
		die "neither user namespaces nor root: cannot run the unpacked packages"
	fi
}

running() { [ -s "$root/data/postmaster.pid" ] && inside $bin/pg_ctl -D /data status >/dev/null 2>&1; }

# mirror is the archive that the machine itself uses.
mirror() {
	{
		cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs: *//p' | tr ' ' '\n'
		cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
			sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p'
	} | grep -v security | grep 'debian/*$' | head -n 1
}

unpack() {
	command -v apt-get >/dev/null && command -v dpkg >/dev/null || die "this is not a Debian machine"
	from=$(mirror)
	[ -n "$from" ] || die "found no Debian mirror in /etc/apt"
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -f $key ] || die "$key is missing (package debian-archive-keyring)"
	echo "unpacking postgresql-17 with pgvector into $root …" >&2
	work=$dir/work
	rm -rf "$work" "$root.part"
	mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/deb" "$root.part"
	: >"$work/status"
	echo "deb [signed-by=$key] $from trixie main" >"$work/sources.list"
	apt() {
		apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
			-o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work" \
			-o Dir::Cache::archives="$work/archives" -o APT::Sandbox::User= -o Acquire::Languages=none "$@"
	}
	apt update
	# The programs and the libraries that they need; not the parts for JIT and
	# Perl, which are most of the size.
	names=$(apt -s --no-install-recommends install postgresql-17 postgresql-17-pgvector dash tzdata |
		awk '$1 == "Inst" {print $2}' |
		grep -E '^(postgresql-17|postgresql-client-17|postgresql-17-pgvector|dash|tzdata|zlib1g|lib.*)$' | grep -vE '^lib(llvm|perl)')
	[ -n "$names" ] || die "the mirror has no postgresql-17-pgvector"
	# shellcheck disable=SC2086 # the names are words
	(cd "$work/deb" && apt download $names)
	mkdir -p "$root.part/usr/bin" "$root.part/usr/sbin" "$root.part/usr/lib" "$root.part/usr/lib64"
	for d in bin sbin lib lib64; do ln -s usr/$d "$root.part/$d"; done
	for deb in "$work"/deb/*.deb; do dpkg -x "$deb" "$root.part"; done
	mkdir -p "$root.part/etc" "$root.part/tmp" "$root.part/dev" "$root.part/data"
	echo 'postgres:x:999:999::/:/bin/sh' >"$root.part/etc/passwd"
	echo 'postgres:x:999:' >"$root.part/etc/group"
	: >"$root.part/dev/null"
	chmod 1777 "$root.part/tmp"
	chmod 666 "$root.part/dev/null"
	chmod 700 "$root.part/data"
	rm -rf "$work"
	mv "$root.part" "$root"
}

start() {
	[ -x "$root$bin/postgres" ] || unpack
	if ! running; then
		if [ ! -s "$root/data/PG_VERSION" ]; then
			inside $bin/initdb -D /data -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 ||
				{ cat "$dir/initdb.log" >&2; die "initdb failed"; }
		fi
		inside $bin/pg_ctl -D /data -w -s -l /tmp/postgres.log start -o "-c listen_addresses=127.0.0.1 -p $port \
			-c unix_socket_directories='' -c dynamic_shared_memory_type=mmap -c jit=off -c fsync=off -c full_page_writes=off \
			-c max_connections=200 -c shared_buffers=512MB -c wal_init_zero=off -c wal_buffers=64MB -c min_wal_size=1GB -c max_wal_size=4GB -c maintenance_work_mem=256MB" ||
			{ tail -n 5 "$root/tmp/postgres.log" >&2; die "Postgres did not start; is port $port taken?"; }
	fi
	inside $bin/psql -qAtX -h 127.0.0.1 -p "$port" -U postgres -c "SELECT 1 FROM pg_database WHERE datname = 'assay'" | grep -q 1 ||
		inside $bin/createdb -h 127.0.0.1 -p "$port" -U postgres assay
	echo "$dsn"
}

case ${1:-} in
start) start ;;
stop) if running; then inside $bin/pg_ctl -D /data -s -m fast stop; fi ;;
status) if running; then echo "running: $dsn"; else echo "stopped"; exit 3; fi ;;
dsn) echo "$dsn" ;;
clean)
	if running; then inside $bin/pg_ctl -D /data -s -m fast stop; fi
	rm -rf "$dir"
	;;
*) die "usage: $0 start|stop|status|dsn|clean" ;;
esac
