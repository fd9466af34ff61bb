# etherpad.sh PORT: a server on the database at the port, with texts that people write together, and a program that uses its API.
# Etherpad finds its folder by the name `src`, with itself among the modules beside it, as its repository has it.
[ -d src ] || { cp -r "$PLACE/node_modules/ep_etherpad-lite" src; mkdir -p node_modules; ln -sfn ../src node_modules/ep_etherpad-lite; }
printf key > APIKEY.txt
cat > settings.json <<END
{"ip": "127.0.0.1", "port": 22021, "dbType": "postgres", "requireAuthentication": false, "trustProxy": false, "loglevel": "WARN",
 "dbSettings": {"user": "field", "host": "127.0.0.1", "port": $1, "password": "none", "database": "field", "charset": "utf8mb4"},
 "importExportRateLimiting": {"windowMs": 90000, "max": 1000}, "commitRateLimiting": {"duration": 1, "points": 100}}
END
python3 "$PROGRAMS/serve.py" --port 22021 --client "node $PROGRAMS/etherpad_client.js http://127.0.0.1:22021" -- env NODE_OPTIONS="$TRACED" node src/node/server.js
