'use strict';
// Owns: random ids as lowercase hex digits. They distinguish spans and protect nothing.
//
// The generator is its own (sfc32), seeded by the system: a program that seeds or replaces `Math.random` sees the same
// sequence as without the bootstrap.

const fs = require('fs');

const state = seed();
for (let round = 0; round < 16; round += 1) next();

function seed() {
  const words = new Uint32Array(4);
  let file = -1;
  try {
    file = fs.openSync('/dev/urandom', 'r');
    fs.readSync(file, new Uint8Array(words.buffer));
  } catch {
    const time = process.hrtime.bigint();
    words[0] = Number(time & 0xffffffffn);
    words[1] = Date.now() >>> 0;
    words[2] = process.pid;
    words[3] = Number((time >> 32n) & 0xffffffffn);
  } finally {
    if (file >= 0) fs.closeSync(file);
  }
  return words;
}

/** The next 32 bits. */
function next() {
  const sum = (state[0] + state[1] + state[3]) >>> 0;
  state[3] += 1;
  state[0] = state[1] ^ (state[1] >>> 9);
  state[1] = state[2] + (state[2] << 3);
  state[2] = ((state[2] << 21) | (state[2] >>> 11)) + sum;
  return sum;
}

/** `count` bytes, a multiple of four, as hex digits; never all zero. */
function randomBytes(count) {
  let text = '';
  while (text.length < count * 2) text += (next() || 1).toString(16).padStart(8, '0');
  return text;
}

module.exports = { randomBytes };
