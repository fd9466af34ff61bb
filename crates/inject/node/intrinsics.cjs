'use strict';
// Owns: the functions of the runtime that the bootstrap calls while the program runs, as they were at the start.
//
// A program may replace them (fake timers, mocked file systems); what is recorded must not depend on that.

const fs = require('fs');

const { hrtime } = process;
const bigintTime = hrtime.bigint;

module.exports = {
  apply: Reflect.apply,
  construct: Reflect.construct,
  defineProperty: Object.defineProperty,
  descriptor: Object.getOwnPropertyDescriptor,
  prototypeOf: Object.getPrototypeOf,
  stringify: JSON.stringify,
  openSync: fs.openSync,
  writeSync: fs.writeSync,
  fstatSync: fs.fstatSync,
  closeSync: fs.closeSync,
  readlinkSync: fs.readlinkSync,
  statSync: fs.statSync,
  readFileSync: fs.readFileSync,
  now: Date.now,
  random: Math.random,
  monotonic: () => bigintTime.call(hrtime),
  setTimeout,
  queueMicrotask,
};
