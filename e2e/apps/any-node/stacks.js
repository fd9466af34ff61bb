// Prints stacks in every way, where frames of a recorder could show.
const Database = require('better-sqlite3');
const { spawn } = require('node:child_process');
const db = new Database(':memory:');

console.log(new Error('while loading').stack);
console.trace('trace');
try {
  db.prepare('SELECT * FROM nowhere');
} catch (error) {
  console.log(error);
}
try {
  db.prepare('SELECT ?').all();
} catch (error) {
  console.log(error.stack);
}
const standard = Error.prepareStackTrace;
Error.prepareStackTrace = (error, sites) => sites.map((site) => `${site.getTypeName()} ${site.getFunctionName()} ${site.getMethodName()}`);
try {
  db.exec('broken');
} catch (error) {
  console.log(error.stack);
}
Error.prepareStackTrace = standard;
db.function('deep', () => new Error('in SQL').stack);
console.log(db.prepare('SELECT deep() AS stack').get().stack);
(function recurse(depth) {
  if (depth > 0) return recurse(depth - 1);
  try {
    return db.prepare('SELECT * FROM nowhere');
  } catch (error) {
    return console.log(error.stack, Error.stackTraceLimit);
  }
})(20);
spawn('no-such-program').on('error', (error) => {
  console.log(error);
  db.prepare('SELECT * FROM uncaught');
});
