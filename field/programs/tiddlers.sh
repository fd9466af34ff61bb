# Fifteen tiddlers written one by one, then read as the browser does.
for tiddler in $(seq 15); do
  curl -s -o /dev/null -X PUT -H 'Content-Type: application/json' -H 'X-Requested-With: TiddlyWiki' \
    -d "{\"title\": \"Tiddler $tiddler\", \"text\": \"Text $tiddler\", \"tags\": \"a b\"}" "$1/recipes/default/tiddlers/Tiddler%20$tiddler"
done
for round in 1 2 3 4 5; do
  curl -s -o /dev/null "$1/status"; curl -s -o /dev/null "$1/recipes/default/tiddlers.json"
  for tiddler in $(seq 5); do curl -s -o /dev/null "$1/recipes/default/tiddlers/Tiddler%20$tiddler"; done
done
