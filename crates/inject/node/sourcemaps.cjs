'use strict';
// Owns: the line of the source behind a line that the runtime executes. Node's own maps come first (`tsx`,
// `--enable-source-maps`); else the map that the executed file names or contains is read.
//
// It reads only files of the project and the maps beside them, each once.

const Module = require('module');
const path = require('path');
const { fileURLToPath } = require('url');
const { readFileSync } = require('./intrinsics.cjs');

/** A larger file is no source that a person wrote. */
const MAP_BYTES_MAX = 16 * 1024 * 1024;
const MAPS_MAX = 512;
const PLACES_MAX = 4096;

const maps = new Map();
const places = new Map();

/**
 * Place of the source: `{path, line, name}`. `url` names the executed file as the runtime does, `file` is its path;
 * `otherwise` may know a place where no map does.
 */
function original(url, file, line, column, name, otherwise = () => null) {
  const key = `${file}:${line}:${column}`;
  let known = places.get(key);
  if (known === undefined) {
    known = mapped(url, file, line, column) ?? otherwise() ?? { path: file, line };
    if (places.size >= PLACES_MAX) places.clear();
    places.set(key, known);
  }
  return { path: known.path, line: known.line, name };
}

function mapped(url, file, line, column) {
  try {
    const map = Module.findSourceMap?.(url) ?? Module.findSourceMap?.(file) ?? ownMap(file);
    const entry = map?.findEntry(line - 1, column - 1);
    if (!entry || entry.originalLine === undefined || !entry.originalSource) return null;
    const source = sourcePath(entry.originalSource, file);
    return source === null ? null : { path: source, line: entry.originalLine + 1 };
  } catch {
    return null;
  }
}

function sourcePath(source, file) {
  if (source.startsWith('file://')) return fileURLToPath(source);
  if (/^[a-z][a-z+.-]+:/i.test(source)) return null;
  return path.resolve(path.dirname(file), source);
}

function ownMap(file) {
  if (!/\.[cm]?js$/.test(file)) return null;
  let map = maps.get(file);
  if (map === undefined) {
    map = readMap(file);
    if (maps.size >= MAPS_MAX) maps.clear();
    maps.set(file, map);
  }
  return map;
}

function readMap(file) {
  try {
    const text = readFileSync(file, 'utf8');
    const at = text.lastIndexOf('//# sourceMappingURL=');
    if (at < 0 || text.length > MAP_BYTES_MAX) return null;
    const named = text.slice(at + '//# sourceMappingURL='.length).split(/\s/, 1)[0];
    return new Module.SourceMap(JSON.parse(content(named, file)));
  } catch {
    return null;
  }
}

function content(named, file) {
  const inline = /^data:application\/json[^,]*?(;base64)?,/.exec(named);
  if (inline) {
    const data = named.slice(inline[0].length);
    return inline[1] ? Buffer.from(data, 'base64').toString() : decodeURIComponent(data);
  }
  // A map lies beside its file; anything else a file names is not read.
  return readFileSync(path.join(path.dirname(file), path.basename(decodeURIComponent(named))), 'utf8');
}

/** The map of a compiled file of the project; null where it has none. */
function mapOf(file) {
  return ownMap(file);
}

module.exports = { original, mapOf, sourcePath };
