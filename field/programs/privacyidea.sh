# privacyIDEA on a fresh database, set up by its own command, asked by a helpdesk and by programs that check one-time passwords.
export PRIVACYIDEA_CONFIGFILE="$PROGRAMS/privacyidea.cfg" DATABASE_URL="postgresql+psycopg2://field@127.0.0.1:$1/field"
rm -f enckey uuid.txt
pi-manage setup create_enckey && pi-manage setup create_tables && pi-manage admin add ann -p secret -e ann@example.com || exit 1
python3 -c "
for n in range(60): print(f'person{n}:x:{1000 + n}:{1000 + n}:Person {n},,,person{n}@example.com:/home/p{n}:/bin/sh')" >passwd
python3 "$PROGRAMS/serve.py" --port "$2" --client "python3 $PROGRAMS/privacyidea_ask.py http://127.0.0.1:$2 $PWD/passwd" -- opentelemetry-instrument pi-manage run --port "$2"
