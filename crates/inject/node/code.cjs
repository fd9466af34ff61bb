'use strict';
// Owns: where in the project's code something happened: the nearest frame in the project's folder that is not in
// `node_modules`, mapped to the line of the source where a source map is known.
//
// A walk looks at 10 frames, then at 25, then at 200. After 10,000 walks beyond 25 frames only one in sixteen is made, and the other
// spans say so (`kino.code.sampled`).

const { fileURLToPath } = require('url');
const path = require('path');
const environment = require('./environment.cjs');
const stacks = require('./stacks.cjs');
const { original } = require('./sourcemaps.cjs');

const NEAREST_FRAMES = 10;
const NEAR_FRAMES = 25;
const FAR_FRAMES = 200;
const FAR_WALKS_MAX = 10_000;
const SAMPLE = 16;
/** Files whose name was judged. */
const FILES_MAX = 4096;

const ROOT = environment.project + path.sep;
const MODULES = `${path.sep}node_modules${path.sep}`;
const files = new Map();
let farWalks = 0;

/** Path of a file of the project; null for any other file. */
function inProject(file) {
  if (typeof file !== 'string') return null;
  let known = files.get(file);
  if (known === undefined) {
    known = judged(file);
    if (files.size >= FILES_MAX) files.clear();
    files.set(file, known);
  }
  return known;
}

function judged(file) {
  let name = file;
  if (file.startsWith('file://')) {
    try {
      name = fileURLToPath(file.replace(/[?#].*$/, ''));
    } catch {
      return null;
    }
  }
  if (!name.startsWith(ROOT) || name.startsWith(stacks.OURS)) return null;
  return name.slice(ROOT.length - 1).includes(MODULES) ? null : name;
}

/** The nearest place of the project above `below`; null where there is none. */
function here(below) {
  for (const limit of [NEAREST_FRAMES, NEAR_FRAMES]) {
    const sites = stacks.frames(limit, below);
    const found = nearest(sites);
    if (found || sites.length < limit) return found;
  }
  farWalks += 1;
  if (farWalks > FAR_WALKS_MAX && farWalks % SAMPLE !== 0) return { sampled: true };
  return nearest(stacks.frames(FAR_FRAMES, below));
}

function nearest(sites) {
  for (const site of sites) {
    const file = inProject(site.getFileName());
    if (file !== null) return place(site, file);
  }
  return null;
}

function place(site, file) {
  const name = site.getFunctionName() ?? undefined;
  return original(site.getFileName(), file, site.getLineNumber(), site.getColumnNumber(), name, () => mappedByProgram(site));
}

/** Place of a frame as the program's own formatter of stacks sees it: runners of tests map sources there. */
function mappedByProgram(site) {
  const match = /\(?((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?\s*$/.exec(stacks.byProgram(site) ?? '');
  const file = match ? inProject(match[1]) : null;
  return file === null ? null : { path: file, line: Number(match[2]) };
}

/** Package of the nearest frame that is a file at all; null for the project's own code. */
function nearestPackage(below) {
  for (const site of stacks.frames(NEAR_FRAMES, below)) {
    const file = site.getFileName();
    if (typeof file !== 'string' || file.startsWith('node:') || file.startsWith(stacks.OURS)) continue;
    const at = file.lastIndexOf('/node_modules/');
    if (at < 0) return null;
    const [first, second] = file.slice(at + '/node_modules/'.length).split('/');
    return first.startsWith('@') ? `${first}/${second}` : first;
  }
  return null;
}

module.exports = { here, inProject, nearestPackage };
