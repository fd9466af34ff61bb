'use strict';
// Owns: spans of statements by better-sqlite3 and `node:sqlite`, which run on the program's own stack.
//
// What a statement throws passes through untouched. better-sqlite3 makes its errors in JavaScript, where they are seen;
// those of `node:sqlite` are only known to have been thrown.

const { Span, KIND } = require('./span.cjs');
const { around, wrapClass } = require('./patch.cjs');
const { onLibrary, onBuiltin } = require('./load.cjs');
const { here } = require('./code.cjs');
const { defineProperty } = require('./intrinsics.cjs');
const { describe } = require('./sql.cjs');

const RUNNING = ['run', 'get', 'all', 'iterate'];

/** Database of each statement. */
const databases = new WeakMap();
/** The error that better-sqlite3 made last. */
let made = null;

function begin(sql, namespace, below) {
  made = null;
  const span = new Span('', KIND.CLIENT);
  describe(span, sql, 'sqlite', namespace);
  return span.at(here(below));
}

function finish(span, result, threw) {
  if (threw && made) span.failBy(made);
  else if (threw) span.fail('_OTHER');
  made = null;
  span.end();
}

/** Only a statement that cannot be prepared has a span of its own: the others have one when they run. */
function finishPrepared(span, result, threw) {
  if (threw) finish(span, result, threw);
  else span.discard();
}

function patchStatements(prototype, textOf) {
  for (const name of RUNNING) {
    around(prototype, name, function seen(statement) {
      return begin(textOf(statement), databases.get(statement), seen);
    }, finish);
  }
}

function patchDatabase(prototype, nameOf, textOf) {
  around(prototype, 'exec', function seen(database, [sql]) {
    return begin(sql, nameOf(database), seen);
  }, finish);
  around(prototype, 'prepare', function seen(database, [sql]) {
    return { span: begin(sql, nameOf(database), seen), database };
  }, ({ span, database }, statement, threw) => {
    finishPrepared(span, statement, threw);
    if (threw) return;
    databases.set(statement, nameOf(database));
    patchStatements(Object.getPrototypeOf(statement), textOf);
  });
}

/** Gives the opening of a database a span; `names` learns which file each database is. */
function connect(Class, name, names) {
  return wrapClass(Class, name, function seen(_, [file]) {
    const namespace = typeof file === 'string' && file.trim() !== '' ? file.trim() : ':memory:';
    const span = new Span('connect', KIND.CLIENT).set('db.system.name', 'sqlite').set('db.namespace', namespace);
    return { span: span.at(here(seen)), namespace };
  }, ({ span, namespace }, database, threw) => {
    if (!threw) names.set(database, namespace);
    finish(span, database, threw);
  });
}

function start() {
  const names = new WeakMap();
  const nameOf = (database) => names.get(database);
  onLibrary('better-sqlite3', ['lib/database.js'], (Database, module) => {
    patchDatabase(Database.prototype, nameOf, (statement) => statement.source);
    module.exports = connect(Database, 'Database', names);
  });
  onLibrary('better-sqlite3', ['lib/sqlite-error.js'], (SqliteError) => {
    defineProperty(SqliteError.prototype, 'code', {
      configurable: true,
      get: () => undefined,
      set(value) {
        defineProperty(this, 'code', { value, writable: true, enumerable: true, configurable: true });
        made = this;
      },
    });
  });
  onBuiltin('sqlite', (sqlite) => {
    patchDatabase(sqlite.DatabaseSync.prototype, nameOf, (statement) => statement.sourceSQL);
    sqlite.DatabaseSync = connect(sqlite.DatabaseSync, 'DatabaseSync', names);
  });
}

module.exports = { start };
