'use strict';
// Owns: the moment at which a library has been loaded: then, and never before, it is patched. It loads nothing itself.
//
// CommonJS files, whether required or imported, are compiled by `module._compile`: an accessor in its place sees which
// file is next and leaves all but the few files of the table alone. Builtin modules are noted by Node in
// `process.moduleLoadList` once they are loaded; the list's prototype sees each entry.

const Module = require('module');
const { apply, defineProperty } = require('./intrinsics.cjs');
const { moreFrames, lessFrames } = require('./stacks.cjs');
const { report } = require('./channel.cjs');
const { findable } = require('./patch.cjs');
const context = require('./context.cjs');

/** `package/file` → what patches its exports. */
const libraries = new Map();
/** Packages whose loading means that the program traces itself. */
const SDKS = new Set([
  '@opentelemetry/sdk-trace-base', '@opentelemetry/sdk-trace-node', '@opentelemetry/sdk-node', '@opentelemetry/sdk-trace',
  'dd-trace', 'newrelic', 'elastic-apm-node',
]);
const builtins = new Map();

/** Calls `patch(exports, module)` once `file` of the package was loaded. */
function onLibrary(name, files, patch) {
  for (const file of files) libraries.set(`${name}/${file}`, patch);
}

/** Calls `patch(exports)` once the builtin module was loaded; at once where it already is. */
function onBuiltin(name, patch) {
  builtins.set(name, patch);
}

/** Package and file of a path in `node_modules`; null for any other path. */
function inModules(file) {
  const at = typeof file === 'string' ? file.lastIndexOf('node_modules') : -1;
  if (at < 0) return null;
  const inside = file.slice(at + 'node_modules/'.length).replaceAll('\\', '/');
  const slash = inside.indexOf('/', inside.startsWith('@') ? inside.indexOf('/') + 1 : 0);
  return { name: slash < 0 ? inside : inside.slice(0, slash), inside };
}

/** What is to be done once this file was compiled; null for nearly all. */
function patchOf(file) {
  const found = inModules(file);
  if (found === null) return null;
  if (SDKS.has(found.name)) context.switchOff();
  return libraries.get(found.inside) ?? null;
}

/** Patches the exports of a loaded file, if it is one of the table. */
function loaded(file, exports, module) {
  const patch = patchOf(file);
  if (patch === null || context.isOff()) return;
  try {
    patch(exports, module);
  } catch (error) {
    report(`load.${inModules(file)?.name}`, error);
  }
}

function watchFiles() {
  const { prototype } = Module;
  let compile = prototype._compile;
  findable(prototype, '_compile', compile);
  defineProperty(prototype, '_compile', {
    configurable: true,
    enumerable: true,
    get() {
      if (context.isOff() || patchOf(this?.filename) === null) return compile;
      const original = compile;
      return function _compile(...given) {
        const limit = moreFrames();
        try {
          return apply(original, this, given);
        } finally {
          lessFrames(limit);
          loaded(this.filename, this.exports, this);
        }
      };
    },
    set(replacement) {
      if (this === prototype) compile = replacement;
      else defineProperty(this, '_compile', { value: replacement, writable: true, enumerable: true, configurable: true });
    },
  });
  for (const [file, module] of Object.entries(require.cache)) {
    if (module?.loaded) loaded(file, module.exports, module);
  }
}

function watchBuiltins() {
  const list = process.moduleLoadList;
  const present = new Set(list);
  for (const name of builtins.keys()) {
    if (present.has(`NativeModule ${name}`)) builtinLoaded(name);
  }
  Object.setPrototypeOf(list, new Proxy(Array.prototype, {
    set(target, index, entry, receiver) {
      defineProperty(receiver, index, { value: entry, writable: true, enumerable: true, configurable: true });
      if (typeof entry === 'string' && entry.startsWith('NativeModule ')) builtinLoaded(entry.slice('NativeModule '.length));
      return true;
    },
  }));
}

function builtinLoaded(name) {
  const patch = builtins.get(name);
  if (patch === undefined) return;
  builtins.delete(name);
  try {
    patch(require(`node:${name}`));
  } catch (error) {
    report(`builtin.${name}`, error);
  }
}

/** Starts to look; what was loaded before is patched at once. */
function start() {
  watchFiles();
  if (Array.isArray(process.moduleLoadList)) watchBuiltins();
}

module.exports = { onLibrary, onBuiltin, loaded, start };
