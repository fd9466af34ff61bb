'use strict';
// Owns: spans of commands and new connections by `redis` (4 and later) and `ioredis`. Keys are recorded, values are not.

const { Span, KIND } = require('./span.cjs');
const { around } = require('./patch.cjs');
const { onLibrary } = require('./load.cjs');
const { here } = require('./code.cjs');
const { text } = require('./attributes.cjs');
const { settled, finish, endBy } = require('./asynchronous.cjs');

const ARGUMENTS_MAX = 50;
const TEXT_MAX = 8 * 1024;
/** Commands all of whose arguments are keys. */
const ONLY_KEYS = new Set(['DEL', 'UNLINK', 'EXISTS', 'MGET', 'TOUCH', 'WATCH', 'SUNION', 'SINTER', 'SDIFF', 'PFCOUNT', 'RENAME', 'RENAMENX']);
/** Commands with keys at every other place. */
const PAIRS = new Set(['MSET', 'MSETNX']);
/** Commands whose first argument is no key. */
const NO_KEY = new Set(['AUTH', 'HELLO', 'PING', 'ECHO', 'EVAL', 'EVALSHA', 'EVAL_RO', 'FCALL', 'SCRIPT', 'FUNCTION', 'CONFIG', 'MIGRATE', 'ACL']);
/** What a client sends by itself while it connects. */
const HANDSHAKE = new Set(['HELLO', 'AUTH', 'SELECT', 'CLIENT', 'INFO', 'READONLY']);

function begin(args, below) {
  const name = String(args[0] ?? '').toUpperCase().slice(0, 64);
  const span = new Span(name, KIND.CLIENT).set('db.system.name', 'redis');
  span.set('db.query.text', written(name, args)).set('db.operation.name', name);
  return span.at(here(below));
}

function written(name, args) {
  const parts = [name];
  for (let at = 1; at < Math.min(args.length, ARGUMENTS_MAX); at += 1) {
    const isKey = ONLY_KEYS.has(name) || (PAIRS.has(name) ? at % 2 === 1 : at === 1 && !NO_KEY.has(name));
    parts.push(isKey && typeof args[at] === 'string' ? text(args[at], 256) : '?');
  }
  if (args.length > ARGUMENTS_MAX) parts.push('…');
  return text(parts.join(' '), TEXT_MAX);
}

function patchQueue(exports) {
  const Queue = exports.default ?? exports;
  around(Queue.prototype, 'addCommand', function seen(queue, [args, options]) {
    if (!Array.isArray(args) && typeof args?.[0] !== 'string') return undefined;
    if (options?.asap) return undefined;
    return { span: begin(args, seen), called: false };
  }, finish);
}

function patchClient(exports) {
  const Client = exports.default ?? exports;
  around(Client.prototype, 'connect', function seen(client) {
    return { span: connecting(client.options?.socket, client.options?.database, seen), called: false };
  }, finish);
}

function connecting(address, database, below) {
  const span = new Span('connect', KIND.CLIENT).set('db.system.name', 'redis');
  span.set('db.namespace', database === undefined ? undefined : String(database));
  if (address && !address.path) span.set('server.address', address.host ?? 'localhost').set('server.port', Number(address.port ?? 6379));
  return span.at(here(below));
}

const seenCommands = new WeakSet();

function patchIoredis(exports) {
  const Redis = exports.default ?? exports;
  around(Redis.prototype, 'sendCommand', function seen(client, [command]) {
    if (!command || seenCommands.has(command)) return undefined;
    seenCommands.add(command);
    const name = String(command.name).toUpperCase();
    if (HANDSHAKE.has(name) && client.status === 'connect') return undefined;
    const span = begin([command.name, ...(command.args ?? [])], seen);
    const { host, port, path, db } = client.options ?? {};
    span.set('db.namespace', db === undefined ? undefined : String(db));
    if (!path) span.set('server.address', host).set('server.port', port);
    watchEnd(command, span);
    return undefined;
  }, () => undefined);
  around(Redis.prototype, 'connect', function seen(client) {
    const { host, port, path, db } = client.options ?? {};
    return { span: connecting({ host, port, path }, db, seen) };
  }, ({ span }, promise, threw) => (threw ? void span.fail('_OTHER').end() : settled(promise, span)));
}

/** The library settles a command by these two of its own properties. */
function watchEnd(command, span) {
  const { resolve, reject } = command;
  const end = endBy(span);
  command.resolve = function (value) {
    end();
    return resolve.call(this, value);
  };
  command.reject = function (error) {
    end(error);
    return reject.call(this, error);
  };
}

function start() {
  onLibrary('@redis/client', ['dist/lib/client/commands-queue.js'], patchQueue);
  onLibrary('@redis/client', ['dist/lib/client/index.js'], patchClient);
  onLibrary('ioredis', ['built/Redis.js', 'built/redis/index.js'], patchIoredis);
}

module.exports = { start };
