# A library of music files of our own making: imported, listed, changed, queried and served by its web plugin.
export BEETSDIR="$PWD/beets"
rm -rf beets music library; mkdir -p beets library
cat > beets/config.yaml <<'END'
directory: '@PWD@/library'
library: '@PWD@/beets/library.db'
plugins: web duplicates info missing smartplaylist edit export
import: {copy: yes, autotag: no, quiet: yes}
smartplaylist: {playlist_dir: '@PWD@/beets', playlists: [{name: old.m3u, query: 'year:..2000'}, {name: rock.m3u, query: 'genre:rock'}]}
web: {host: 127.0.0.1, port: 24231}
END
sed -i "s,@PWD@,$PWD,g" beets/config.yaml
python "$PROGRAMS/beets_music.py" music
# A fresh library is migrated first, which copies it in a way that a traced connection cannot.
beet ls
beet() { opentelemetry-instrument beet "$@"; }
beet import music
for turn in 1 2 3; do
  beet ls; beet ls -a; beet ls -f '$albumartist - $album - $title' year:1990..2010; beet stats; beet fields >/dev/null
  beet modify -y "album:Album $turn" "mood=calm $turn"; beet modify -a -y "album:Album $turn" label=Field; beet write "album:Album $turn"
  beet duplicates; beet missing; beet splupdate; beet export -o beets/out.json; beet update -p; beet move -p "album:Album $turn"
done
python3 "$PROGRAMS/serve.py" --port 24231 --client "python3 $PROGRAMS/beets_web.py http://127.0.0.1:24231" -- opentelemetry-instrument beet web
