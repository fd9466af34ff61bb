# kinto.sh PORT: a server on the database at that port, with two collections that are filled, read, filtered and changed.
rm -f kinto.ini
kinto init --backend postgresql --cache-backend postgresql --ini kinto.ini --host 127.0.0.1 --force </dev/null || kinto init --backend postgresql --cache-backend postgresql --ini kinto.ini --host 127.0.0.1
sed -i "s#^\(kinto.[a-z]*_url\) = postgres.*#\1 = postgresql://field@127.0.0.1:$1/field#; s/^# *kinto.includes.*/kinto.includes = kinto.plugins.default_bucket kinto.plugins.history kinto.plugins.accounts/" kinto.ini
sed -i 's/^kinto.includes = .*/kinto.includes = kinto.plugins.default_bucket kinto.plugins.history/; s/^multiauth.policies = .*/multiauth.policies = basicauth/' kinto.ini
grep -q '^multiauth.policies' kinto.ini || sed -i '/^\[app:main\]/a multiauth.policies = basicauth' kinto.ini
grep -q '^kinto.includes' kinto.ini || sed -i '/^\[app:main\]/a kinto.includes = kinto.plugins.default_bucket kinto.plugins.history' kinto.ini
sed -i -e '/kinto.bucket_create_principals/d' -e '/^\[app:main\]/a kinto.bucket_create_principals = system.Authenticated' kinto.ini
kinto migrate --ini kinto.ini
python3 "$PROGRAMS/serve.py" --port 8888 --client "python3 $PROGRAMS/kinto_client.py http://127.0.0.1:8888/v1" -- opentelemetry-instrument kinto start --ini kinto.ini
