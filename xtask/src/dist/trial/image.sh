# The image's files as a root folder, which has no shell: each command enters it by itself.
# ROOT is the folder; RUN_AS, and what the environment has, are what the image's configuration says.
VERSION=$1 ROOT=$2 RUN_AS=$3
shift 3
mkdir -p "$ROOT/dev" "$ROOT/proc"
mknod -m 666 "$ROOT/dev/null" c 1 3
mknod -m 666 "$ROOT/dev/urandom" c 1 9
mount -t proc proc "$ROOT/proc"
ip link set lo up
CHROOT=$(command -v chroot)
kino() { env -i $ENVIRONMENT "$CHROOT" --userspec="$RUN_AS" "$ROOT" /usr/bin/kino "$@"; }
kino --version | grep -F "kino $VERSION"
# The image serves on every address, which takes a key.
kino key new tried --scope read,ingest | head -c 4 && echo "…"
kino "$@" &
SERVER=$!
for _ in $(seq 100); do kino status >/dev/null 2>&1 && break; sleep 0.1; done
kino status | head -3
kino run --label tried -- /usr/bin/kino --version
kino find | grep kino
kino stop
wait $SERVER
