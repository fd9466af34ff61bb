# What the editor asks for, and a flow with an HTTP endpoint that is deployed and used.
for round in 1 2 3 4 5 6; do
  for path in settings flows nodes icons locales/editor settings/user context/global; do
    curl -s -o /dev/null -H 'Accept: application/json' "$1/$path"; done
done
curl -s -o /dev/null -H 'Content-Type: application/json' -H 'Node-RED-API-Version: v1' -d '[
  {"id":"t","type":"tab","label":"Flow"},
  {"id":"a","type":"http in","z":"t","url":"/hello","method":"get","wires":[["b"]]},
  {"id":"b","type":"function","z":"t","func":"msg.payload = {hello: msg.req.query.name}; return msg;","wires":[["c"]]},
  {"id":"c","type":"http response","z":"t","wires":[]}]' "$1/flows"
sleep 1
for request in $(seq 20); do curl -s -o /dev/null "$1/hello?name=$request"; done
