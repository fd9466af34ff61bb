'use strict';
// Owns: spans of statements and new connections by `mysql2`, whose promises lie over the same functions.

const { errorMonitor } = require('events');
const { Span, KIND } = require('./span.cjs');
const { around } = require('./patch.cjs');
const { onLibrary } = require('./load.cjs');
const { describe } = require('./sql.cjs');
const { bound, bindCallback, endBy, deferred, undefer, placeOfCall } = require('./asynchronous.cjs');
const context = require('./context.cjs');

function target(span, connection) {
  const { host, port, database, socketPath } = connection.config ?? {};
  if (!socketPath) span.set('server.address', host).set('server.port', port);
  return database || undefined;
}

function patchConnection(Connection) {
  for (const name of ['query', 'execute']) {
    around(Connection.prototype, name, function seen(connection, given) {
      const sql = typeof given[0] === 'string' ? given[0] : given[0]?.sql;
      if (typeof sql !== 'string') return undefined;
      const span = new Span('', KIND.CLIENT);
      describe(span, sql, 'mysql', target(span, connection));
      span.at(placeOfCall(seen));
      return { span, called: bindCallback(given, 1, endBy(span)) };
    }, ended);
  }
  around(Connection.prototype, 'addCommand', function seen(connection, [command]) {
    if (command?.constructor?.name !== 'ClientHandshake') return undefined;
    const span = new Span('connect', KIND.CLIENT).set('db.system.name', 'mysql');
    span.set('db.namespace', target(span, connection)).at(placeOfCall(seen));
    return { span, called: false };
  }, ended);
}

/**
 * A command without a callback says by its events how it ended. One that a pool made has its callback already, and then no
 * event names an error.
 */
function ended({ span, called }, command, threw) {
  if (threw) span.fail('_OTHER').end();
  else if (!called && typeof command?.onResult === 'function') {
    command.onResult = bound(command.onResult, endBy(span));
    command.on('end', () => span.end());
  } else if (!called && typeof command?.on === 'function') {
    command.on(errorMonitor, (error) => endBy(span)(error));
    command.on('end', () => span.end());
  }
}

function patchPool(Pool) {
  for (const name of ['query', 'execute']) around(Pool.prototype, name, deferred, undefer);
  around(Pool.prototype, 'getConnection', (pool, given) => {
    if (context.current() === undefined) return undefined;
    return bindCallback(given, 0) || undefined;
  }, () => undefined);
}

function start() {
  onLibrary('mysql2', ['lib/base/connection.js'], patchConnection);
  onLibrary('mysql2', ['lib/base/pool.js'], patchPool);
  // Before 3.12 these files had the classes themselves.
  onLibrary('mysql2', ['lib/connection.js'], (Connection) => own(Connection, 'query') && patchConnection(Connection));
  onLibrary('mysql2', ['lib/pool.js'], (Pool) => own(Pool, 'getConnection') && patchPool(Pool));
}

function own(Class, name) {
  return Object.hasOwn(Class.prototype, name);
}

module.exports = { start };
