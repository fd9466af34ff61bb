'use strict';
// Owns: the two ways to watch a function of a library.
//
// `watch` turns a method into an accessor: reading it, which is what a call does first, calls `before` with the object.
// The library's own function is then called by its caller, so that no frame of ours is on any stack.
// `around` replaces a method by a wrapper, where arguments or the result are needed; its one frame is removed from stacks
// (`stacks.cjs`). Exceptions pass through `finally` alone: a rethrown one would show a line of ours as the place of an
// uncaught error.
//
// Neither lets an error of the bootstrap reach the program.

const { apply, construct, defineProperty, descriptor } = require('./intrinsics.cjs');
const { moreFrames, lessFrames } = require('./stacks.cjs');
const { report } = require('./channel.cjs');
const context = require('./context.cjs');

const watched = new WeakMap();
/** Objects that name the functions replaced in their owners. */
const above = new WeakMap();

/** True the first time for this object and name. */
function isFirst(target, name) {
  if (target === null || (typeof target !== 'object' && typeof target !== 'function')) return false;
  const names = watched.get(target) ?? new Set();
  watched.set(target, names);
  return names.has(name) ? false : Boolean(names.add(name));
}

/** Calls `before(object)` whenever `name` of `target`, or of what inherits from it, is read. */
function watch(target, name, before) {
  if (!isFirst(target, name)) return;
  const own = descriptor(target, name);
  if (own && (!own.configurable || own.get)) return;
  const inherited = Object.getPrototypeOf(target);
  let value = own?.value;
  findable(target, name, value);
  defineProperty(target, name, {
    configurable: true,
    enumerable: own?.enumerable ?? false,
    get() {
      if (!context.isOff()) {
        try {
          before(this);
        } catch (error) {
          report(`watch.${name}`, error);
        }
      }
      // An inherited method stays the inherited one, whatever becomes of it.
      return value ?? inherited?.[name];
    },
    set(replacement) {
      if (this === target) value = replacement;
      else defineProperty(this, name, { value: replacement, writable: true, enumerable: true, configurable: true });
    },
  });
}

/**
 * Replaces a method. `before(object, arguments)` returns the call's record, or undefined to let it pass; `after(record,
 * result, threw)` may return another result.
 */
function around(target, name, before, after) {
  const own = target ? descriptor(target, name) : undefined;
  if (!own || typeof own.value !== 'function' || !(own.writable || own.configurable) || !isFirst(target, name)) return;
  const wrapper = wrap(own.value, name, before, after);
  findable(target, name, own.value);
  defineProperty(target, name, { ...own, value: wrapper });
}

/** The wrapper that `around` puts in place: one frame. */
function wrap(original, name, before, after) {
  function wrapper(...given) {
    const record = opened(name, before, this, given);
    if (record === undefined) return apply(original, this, given);
    const limit = moreFrames();
    let threw = true;
    let result;
    try {
      result = apply(original, this, given);
      threw = false;
    } finally {
      lessFrames(limit);
      result = closed(name, after, record, result, threw);
    }
    return result;
  }
  return alike(wrapper, original);
}

/**
 * A class that looks like `original` in every way: `before(class, arguments)` runs before an instance is made,
 * `after(record, instance, threw)` after it.
 */
function wrapClass(original, name, before, after) {
  const proxy = new Proxy(original, {
    construct(_, given, target) {
      const made = target === proxy ? original : target;
      const record = opened(name, before, original, given);
      if (record === undefined) return construct(original, given, made);
      const limit = moreFrames();
      let threw = true;
      let result;
      try {
        result = construct(original, given, made);
        threw = false;
      } finally {
        lessFrames(limit);
        closed(name, after, record, result, threw);
      }
      return result;
    },
  });
  const owner = descriptor(original.prototype, 'constructor');
  if (owner?.writable) defineProperty(original.prototype, 'constructor', { ...owner, value: proxy });
  return proxy;
}

function opened(name, before, self, given) {
  if (context.isOff()) return undefined;
  try {
    return before(self, given);
  } catch (error) {
    report(`before.${name}`, error);
    return undefined;
  }
}

function closed(name, after, record, result, threw) {
  try {
    const other = after(record, result, threw);
    return other === undefined || threw ? result : other;
  } catch (error) {
    report(`after.${name}`, error);
    return result;
  }
}

/**
 * V8 finds a method's name in a stack by its value. A replaced function is found in an object that is put above its
 * owner.
 */
function findable(target, name, original) {
  if (typeof original !== 'function' || target === process) return;
  let names = above.get(target);
  if (names === undefined) {
    names = Object.create(Object.getPrototypeOf(target));
    above.set(target, names);
    Object.setPrototypeOf(target, names);
  }
  names[name] = original;
}

/** Gives a wrapper the name, length and properties of what it replaces. */
function alike(wrapper, original) {
  for (const key of Reflect.ownKeys(original)) {
    const property = descriptor(original, key);
    const mine = descriptor(wrapper, key);
    if (!mine || mine.configurable) defineProperty(wrapper, key, property);
    else if (mine.writable && 'value' in property) wrapper[key] = property.value;
  }
  if (Object.getPrototypeOf(original) !== Function.prototype) Object.setPrototypeOf(wrapper, Object.getPrototypeOf(original));
  return wrapper;
}

/** A listener, or a subscriber of a channel, that never throws into its caller and is silent once we are off. */
function quietly(place, listener) {
  return (message) => {
    if (context.isOff()) return;
    try {
      listener(message);
    } catch (error) {
      report(place, error);
    }
  };
}

module.exports = { watch, around, wrap, wrapClass, findable, alike, quietly };
