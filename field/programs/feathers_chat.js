// The chat of Feathers' guide: users and messages in PostgreSQL over Knex, people log in with a password, a message comes with its user.
//   feathers_chat.js DATABASE PORT
const modules = process.env.PLACE + '/node_modules/';
const load = (name) => require(modules + name);
const { feathers } = load('@feathersjs/feathers');
const { koa, rest, bodyParser, errorHandler, parseAuthentication, cors } = load('@feathersjs/koa');
const { KnexService } = load('@feathersjs/knex');
const { AuthenticationService, JWTStrategy, authenticate } = load('@feathersjs/authentication');
const { LocalStrategy, passwordHash } = load('@feathersjs/authentication-local');
const { resolve, resolveData, resolveExternal, resolveResult, resolveQuery, virtual } = load('@feathersjs/schema');
const knex = load('knex');
const [database, port] = process.argv.slice(2);

const app = koa(feathers());
const db = knex({ client: 'pg', connection: database });
app.set('authentication', {
  entity: 'user', service: 'users', secret: 'a secret', authStrategies: ['jwt', 'local'],
  jwtOptions: { header: { typ: 'access' }, audience: 'http://127.0.0.1', algorithm: 'HS256', expiresIn: '1d' },
  local: { usernameField: 'email', passwordField: 'password' },
});
app.use(cors());
app.use(errorHandler());
app.use(parseAuthentication());
app.use(bodyParser());
app.configure(rest());

const authentication = new AuthenticationService(app);
authentication.register('jwt', new JWTStrategy());
authentication.register('local', new LocalStrategy());
app.use('authentication', authentication);

const paginate = { default: 10, max: 50 };
app.use('users', new KnexService({ paginate, Model: db, name: 'users' }));
app.use('messages', new KnexService({ paginate, Model: db, name: 'messages' }));

// Users: the password is stored as a hash and never sent.
const userData = resolve({
  password: passwordHash({ strategy: 'local' }),
  avatar: async (value, user) => value || `https://s.gravatar.com/avatar/${Buffer.from(user.email).toString('hex')}?s=60`,
});
const userExternal = resolve({ password: async () => undefined });
// Someone may only change themselves.
const userQuery = resolve({ id: async (value, query, context) => (context.params.user && context.method !== 'find' && context.method !== 'get' ? context.params.user.id : value) });
app.service('users').hooks({
  around: {
    all: [resolveExternal(userExternal), resolveResult(resolve({}))],
    find: [authenticate('jwt')], get: [authenticate('jwt')], create: [], patch: [authenticate('jwt')], remove: [authenticate('jwt')],
  },
  before: { all: [resolveQuery(userQuery)], create: [resolveData(userData)], patch: [resolveData(userData)] },
});

// Messages: each comes with its user, as the guide's resolver has it; the writer and the time are set here.
const messageResult = resolve({ user: virtual(async (message, context) => context.app.service('users').get(message.userId)) });
const messageData = resolve({
  userId: async (_value, _message, context) => context.params.user.id,
  createdAt: async () => Date.now(),
});
const messageQuery = resolve({
  userId: async (value, _query, context) => (context.params.user && ['patch', 'remove', 'update'].includes(context.method) ? context.params.user.id : value),
});
app.service('messages').hooks({
  around: { all: [authenticate('jwt'), resolveExternal(resolve({})), resolveResult(messageResult)] },
  before: { all: [resolveQuery(messageQuery)], create: [resolveData(messageData)] },
});

async function main() {
  await db.schema.createTable('users', (table) => {
    table.increments('id');
    table.string('email').unique();
    table.string('password');
    table.string('avatar');
  });
  await db.schema.createTable('messages', (table) => {
    table.increments('id');
    table.string('text');
    table.bigint('createdAt');
    table.bigint('userId').references('id').inTable('users');
  });
  await app.listen(Number(port));
}

process.on('SIGINT', () => process.exit(0));
main();
