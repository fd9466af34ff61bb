// Members' pages behind a log-in on Express and PostgreSQL: express_members.js passport|sessions|limits DATABASE-PORT PORT [REDIS-PORT]
//
// passport: its local strategy; sessions: connect-pg-simple; limits: log-ins limited by rate-limiter-flexible as its wiki has it.
const path = require('path');
const crypto = require('crypto');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const session = load('express-session');
const { Pool } = load('pg');

const [kind, database, port, redisPort] = process.argv.slice(2);
const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const hash = password => crypto.scryptSync(password, 'salt', 32, { N: 1024 }).toString('hex');
const one = async (text, ...values) => (await pool.query(text, values)).rows[0];

async function verified(name, password) {
  const member = await one('SELECT * FROM members WHERE name = $1', name);
  return member && member.password === hash(password) ? member : null;
}

async function main() {
  await pool.query('CREATE TABLE members (id serial PRIMARY KEY, name text UNIQUE, password text); CREATE TABLE notes (id serial PRIMARY KEY, member int REFERENCES members, text text)');
  await pool.query("INSERT INTO members (name, password) SELECT 'member' || n, $1 FROM generate_series(1, 100) n", [hash('secret')]);
  await pool.query("INSERT INTO notes (member, text) SELECT 1 + n % 100, 'Note ' || n FROM generate_series(1, 400) n");
  const app = express();
  app.use(express.urlencoded({ extended: false }));
  const options = { secret: 'members', resave: false, saveUninitialized: false };
  if (kind === 'sessions') {
    const Store = load('connect-pg-simple')(session);
    options.store = new Store({ pool, createTableIfMissing: true });
  }
  app.use(session(options));
  let enter = async (request, response) => {
    const member = await verified(request.body.name, request.body.password);
    if (!member) return response.status(401).end();
    request.session.member = member.id;
    response.redirect('/notes');
  };
  let me = request => request.session.member;
  if (kind === 'passport') {
    const passport = load('passport');
    passport.use(new (load('passport-local'))({ usernameField: 'name' }, (name, password, done) => verified(name, password).then(member => done(null, member || false), done)));
    passport.serializeUser((member, done) => done(null, member.id));
    passport.deserializeUser((id, done) => one('SELECT id, name FROM members WHERE id = $1', id).then(member => done(null, member), done));
    app.use(passport.session());
    enter = passport.authenticate('local', { successRedirect: '/notes' });
    me = request => request.user?.id;
  }
  if (kind === 'limits') {
    const { RateLimiterRedis } = load('rate-limiter-flexible');
    const client = new (load('ioredis'))(Number(redisPort), '127.0.0.1', { enableOfflineQueue: false });
    await new Promise(ready => client.once('ready', ready));
    const wrong = new RateLimiterRedis({ storeClient: client, keyPrefix: 'wrong', points: 5, duration: 60, blockDuration: 60 });
    const requests = new RateLimiterRedis({ storeClient: client, keyPrefix: 'requests', points: 200, duration: 1 });
    app.use((request, response, next) => requests.consume(request.ip).then(() => next(), () => response.status(429).end()));
    const plain = enter;
    enter = async (request, response) => {
      const key = `${request.body.name}_${request.ip}`;
      const before = await wrong.get(key);
      if (before && before.consumedPoints > 5) return response.status(429).end('Too Many Requests');
      response.on('finish', () => {
        if (response.statusCode === 401) wrong.consume(key).catch(() => {});
        else if (before) wrong.delete(key);
      });
      return plain(request, response);
    };
  }
  const signedIn = (request, response, next) => (me(request) ? next() : response.status(401).end());
  app.post('/login', enter);
  app.get('/notes', signedIn, async (request, response) => response.json((await pool.query('SELECT * FROM notes WHERE member = $1 ORDER BY id DESC LIMIT 20', [me(request)])).rows));
  app.post('/notes', signedIn, async (request, response) => {
    await pool.query('INSERT INTO notes (member, text) VALUES ($1, $2)', [me(request), request.body.text]);
    response.redirect('/notes');
  });
  app.get('/members', async (request, response) => response.json((await pool.query('SELECT m.id, m.name, count(n.id) AS notes FROM members m LEFT JOIN notes n ON n.member = m.id GROUP BY m.id LIMIT 50')).rows));
  app.get('/logout', (request, response) => request.session.destroy(() => response.end('bye')));
  app.listen(Number(port), '127.0.0.1');
}
main();
