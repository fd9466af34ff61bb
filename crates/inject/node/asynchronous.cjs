'use strict';
// Owns: how a span ends with what a library answers later: by a callback of the program, or by a promise.
//
// A callback runs in the context in which the program gave it, which libraries with pools of connections lose.

const { types: { isPromise } } = require('util');
const { apply } = require('./intrinsics.cjs');
const { alike } = require('./patch.cjs');
const { moreFrames, lessFrames } = require('./stacks.cjs');
const { report } = require('./channel.cjs');
const { here } = require('./code.cjs');
const context = require('./context.cjs');

/** The callback, in the current context; `before(error, value)` runs first. */
function bound(callback, before) {
  const own = context.current();
  return alike(function (...given) {
    try {
      before?.(given[0], given[1]);
      if (context.current() !== own) context.enter(own);
    } catch (error) {
      report('callback', error);
    }
    const limit = moreFrames();
    try {
      return apply(callback, this, given);
    } finally {
      lessFrames(limit);
    }
  }, callback);
}

/** Binds the first callback among the arguments from `first` on; false where there is none. */
function bindCallback(given, first, before) {
  for (let at = first; at < given.length; at += 1) {
    if (typeof given[at] !== 'function') continue;
    given[at] = bound(given[at], before);
    return true;
  }
  return false;
}

/**
 * For a method of a pool that runs a statement once a connection is free: its place is that of this call, and its
 * callback runs in this call's context.
 */
function deferred(pool, given) {
  bindCallback(given, 1);
  const outer = context.current();
  context.enter(context.placed(here(deferred)));
  return { outer };
}

/** What `after` does for `deferred`. */
function undefer({ outer }) {
  context.enter(outer);
}

/** The place that a pool's caller has, else the nearest one on the stack above `below`. */
function placeOfCall(below) {
  return context.current()?.place ?? here(below);
}

/** Ends the span as the callback says. */
function endBy(span) {
  return (error) => {
    if (error) span.failBy(error);
    span.end();
  };
}

/**
 * A promise that settles as the given one and ends the span before. Another promise takes the place of the library's: one
 * that only looked on would count its rejection as handled.
 */
function settled(promise, span) {
  if (!isPromise(promise)) return undefined;
  return promise.then((value) => {
    span.end();
    return value;
  }, (error) => {
    span.failBy(error);
    span.end();
    throw error;
  });
}

/** What `after` of a method does that answers by a callback (already bound) or a promise. */
function finish({ span, called }, result, threw) {
  if (threw) span.fail('_OTHER').end();
  else if (!called) return settled(result, span) ?? (span.end(), undefined);
  return undefined;
}

module.exports = { bound, bindCallback, endBy, settled, finish, deferred, undefer, placeOfCall };
