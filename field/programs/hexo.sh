# A blog is made as files, then what its documentation shows: a draft, a new post, a clean build, another build, and its server.
export NODE_OPTIONS="$TRACED" OTEL_NODE_ENABLED_INSTRUMENTATIONS=http,connect,fs
cd blog
hexo list post >/dev/null
hexo new draft 'A thought'
hexo new post 'A walk'
hexo publish 'A thought'
hexo clean
hexo generate
hexo new post 'Another walk'
hexo generate
NODE_OPTIONS= python3 "$PROGRAMS/serve.py" --port 23080 --crawl http://127.0.0.1:23080/ --pages 80 -- env NODE_OPTIONS="$NODE_OPTIONS" hexo server -i 127.0.0.1 -p 23080
