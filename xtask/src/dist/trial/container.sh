# The image in a real container: unpacked by umoci, run by runc, without a network.
# FOLDER is where; IMAGE is the archive.
VERSION=$1 FOLDER=$2 IMAGE=$3
NAME=kino-try-$$
mkdir "$FOLDER/layout"
tar -xf "$IMAGE" -C "$FOLDER/layout"
umoci --log=error unpack --image "$FOLDER/layout:$VERSION" "$FOLDER/bundle"
# There is no terminal, and no key for the addresses that other machines reach.
sed -i 's/"terminal": true/"terminal": false/; s/"0\.0\.0\.0:/"127.0.0.1:/' "$FOLDER/bundle/config.json"
trap 'runc delete --force "$NAME" 2>/dev/null || true' EXIT
runc run --detach --bundle "$FOLDER/bundle" "$NAME" </dev/null >"$FOLDER/output" 2>&1
kino() { runc exec "$NAME" /usr/bin/kino "$@"; }
for _ in $(seq 100); do kino status >/dev/null 2>&1 && break; sleep 0.1; done
kino --version
kino --version | grep -qF "kino $VERSION"
kino run --label tried -- /usr/bin/kino --version
kino find | grep kino
runc kill "$NAME" TERM
for _ in $(seq 100); do runc state "$NAME" | grep -q '"status": "stopped"' && break; sleep 0.1; done
runc state "$NAME" | grep '"status": "stopped"'
cat "$FOLDER/output"
