# postgres.sh PORT LINE: a fresh database `field` on the port while the line runs, as user `field` without a password.
folder=$(mktemp -d)
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- env -i PATH="$PATH" LC_ALL=C.UTF-8 "$@"; else env -i PATH="$PATH" LC_ALL=C.UTF-8 "$@"; fi; }
bin=$(pg_config --bindir 2>/dev/null || dirname "$(readlink -f "$(command -v postgres)")")
[ "$(id -u)" = 0 ] && chown postgres "$folder"
as "$bin/initdb" -D "$folder/data" -U field -A trust -E UTF8 >/dev/null
as "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -o "-p $1 -k $folder -c listen_addresses=127.0.0.1" start >/dev/null
"$bin/psql" -q -h 127.0.0.1 -p "$1" -U field postgres -c 'CREATE DATABASE field' 
sh -c "$2"
as "$bin/pg_ctl" -D "$folder/data" -m fast -w stop >/dev/null
rm -rf "$folder"
