# apollo.sh CATALOG PORT: the REST API, and the tutorial's server that students ask.
node "$PROGRAMS/apollo_catalog.js" "$1" & catalog=$!
python3 "$PROGRAMS/serve.py" --port "$2" --client "python3 $PROGRAMS/apollo_students.py http://127.0.0.1:$2/" -- env NODE_OPTIONS="$TRACED" node "$PROGRAMS/apollo_liftoff.js" "http://127.0.0.1:$1/" "$2"
kill $catalog
