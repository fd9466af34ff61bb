# run.sh PORT MAILS: a worker with its tasks and crontab, and a shop that asks for jobs for a minute and a half.
# PORT is the database's, MAILS is where a stand-in for a mail provider's API listens.
export DATABASE_URL=postgres://field@127.0.0.1:$1/field MAILS=http://127.0.0.1:$2 NODE_PATH="$PLACE/node_modules"
cd "$PROGRAMS/graphile" || exit 1
graphile-worker --schema-only
psql -q -h 127.0.0.1 -p "$1" -U field field -f shop.sql
node mails.js "$2" & mails=$!
NODE_OPTIONS="$TRACED" graphile-worker -j 4 & worker=$!
sleep 3
NODE_OPTIONS="$TRACED" node shop.js
sleep 10
kill $worker; wait $worker
kill $mails
