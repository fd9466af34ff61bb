# sails.sh DATABASE-PORT PORT: a kitchen's API from `sails new` and three models, on PostgreSQL; cooks and readers use its blueprints.
rm -rf kitchen
sails new kitchen --no-frontend --fast
cp -r "$PROGRAMS/sails_kitchen/." kitchen
ln -s "$PLACE/node_modules" kitchen/node_modules
cd kitchen || exit
cat >config/local.js <<END
module.exports = {
  port: $2,
  explicitHost: '127.0.0.1',
  datastores: { default: { adapter: 'sails-postgresql', url: 'postgresql://field:field@127.0.0.1:$1/field' } },
  models: { migrate: 'drop' },
};
END
python3 "$PROGRAMS/serve.py" --port "$2" --client "python3 $PROGRAMS/sails_client.py http://127.0.0.1:$2" -- env NODE_OPTIONS="$TRACED" node app.js
