'use strict';
// Owns: the time of spans, in nanoseconds since 1970: the wall clock read once, carried on by the monotonic one, so that
// durations are exact and fake timers of the program change nothing.

const { monotonic, now } = require('./intrinsics.cjs');

/** Nanoseconds by which the two clocks may drift apart (a suspended machine, a corrected clock). */
const DRIFT_MAX = 100_000_000n;
/** Spans between two looks at the wall clock. */
const LOOK_EVERY = 256;

/** Undefined until the first span: reading the precise wall clock loads a part of Node. */
let offset;
let looks = 0;

function anchor() {
  return BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n
    + BigInt(Math.round(performance.now() * 1000)) * 1000n - monotonic();
}

function wall() {
  return BigInt(now()) * 1_000_000n;
}

/** Now. */
function nanos() {
  offset ??= anchor();
  const time = monotonic() + offset;
  looks += 1;
  if (looks % LOOK_EVERY === 0) {
    const apart = wall() - time;
    // Fake timers may stop or move `Date`; a jump is believed only where it is the runtime's own `Date.now`.
    if (apart > DRIFT_MAX || apart < -DRIFT_MAX) offset += apart;
  }
  return time;
}

module.exports = { nanos };
