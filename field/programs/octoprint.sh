# octoprint.sh ADDRESS: what a user of the API does: looks, connects to the virtual printer, uploads files and prints one.
api() { curl -s -o /dev/null -u ann:secret -H "X-Api-Key: $KEY" "$@"; }
KEY=0123456789ABCDEF0123456789ABCDEF
# Until it is up, another server answers on its port.
until curl -s -H "X-Api-Key: $KEY" "$1/api/version" | grep -q '"server"'; do sleep 1; done
for file in 1 2 3 4 5 6; do
  { echo G28; for line in $(seq 200); do echo "G1 X$((line % 50)) Y$((line * file % 50)) E$line F3000"; done; } > "part$file.gcode"
  api -F "file=@part$file.gcode" "$1/api/files/local"
done
api -H 'Content-Type: application/json' -d '{"command": "connect", "port": "VIRTUAL"}' "$1/api/connection"
sleep 4
for round in 1 2 3 4 5 6; do
  for path in version server connection printer job files files/local files/local/part$round.gcode printerprofiles settings slicing system/commands timelapse access/users currentuser plugin/pluginmanager languages; do
    api "$1/api/$path"
  done
  [ $round = 2 ] && api -H 'Content-Type: application/json' -d '{"command": "select", "print": true}' "$1/api/files/local/part2.gcode"
done
api -X DELETE "$1/api/files/local/part6.gcode"
