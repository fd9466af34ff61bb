'use strict';
// Owns: the entry. Node loads this file before the program (`--require`), in every process and every thread.
//
// It decides whether this process is one to record, and starts the recording. It never throws, never prints, and does
// nothing at all without `KINO_CHANNEL`, under another runtime, or in a tool (package managers, compilers, bundlers).

if (process.env.KINO_CHANNEL && !process.versions.bun && !process.versions.electron && typeof Deno === 'undefined') {
  try {
    if (!require('./tools.cjs').isTool(process)) require('./start.cjs');
  } catch {
    // The program goes on without being recorded.
  }
}
