'use strict';
// Owns: which lines of changed files execute, where `kino run --lines` asks for it. `KINO_LINES` names them, one file a
// line: `SIZE MTIME_NANOS FIRST-LAST,… PATH`, the path relative to the project.
//
// V8 counts blocks (precise coverage) in this process alone, by a session of `node:inspector` that no port belongs to. What
// was counted is taken now and then and at the end; a process that is killed loses what came since. Where the user records
// coverage (`NODE_V8_COVERAGE`), or the file has changed since the run began, nothing is said.

const path = require('path');
const { fileURLToPath } = require('url');
const { readFileSync, monotonic, setTimeout } = require('./intrinsics.cjs');
const environment = require('./environment.cjs');
const { quietly, watch } = require('./patch.cjs');
const { sendLines } = require('./channel.cjs');
const { codeLines } = require('./code_lines.cjs');
const { Generated } = require('./generated.cjs');

const FILE_BYTES_MAX = 1024 * 1024;
const SOURCE = /\.[cm]?[jt]sx?$/;
/** The first time after which counts are taken while the process runs, in milliseconds. */
const TAKE_MILLIS = 500;
/** How many times as long as taking them took is waited before the next time. */
const TAKE_FACTOR = 50;

/** Real path → what is asked of the file. */
const files = new Map();
let session = null;

class ChangedFile {
  constructor(name, text, lines) {
    this.name = name;
    this.text = text;
    /** Changed lines that hold code. */
    this.lines = new Set(codeLines(text).filter((line) => lines.has(line)));
    this.executed = new Set();
    this.executable = new Set();
  }

  /** Reports what was not reported before. */
  report(seen) {
    const executable = [...seen.executable].filter((line) => this.lines.has(line) && !this.executable.has(line));
    const executed = [...seen.executed].filter((line) => this.lines.has(line) && !this.executed.has(line));
    if (executable.length > 0 || this.executable.size === 0) {
      sendLines({ path: this.name, executable: ranges(executable) });
    }
    if (executed.length > 0) sendLines({ path: this.name, executed: ranges(executed) });
    for (const line of executable) this.executable.add(line);
    for (const line of executed) this.executed.add(line);
  }
}

/** Lines as ranges, ascending. */
function ranges(lines) {
  const found = [];
  for (const line of lines.sort((one, other) => one - other)) {
    const last = found.at(-1);
    if (last && last[1] === line - 1) last[1] = line;
    else found.push([line, line]);
  }
  return found;
}

function read() {
  const { statSync, realpathSync } = require('fs');
  for (const line of environment.lines.split('\n')) {
    const [, size, modified, spans, name] = /^(\d+) (\d+) (\S+) (.*)$/.exec(line) ?? [];
    if (name === undefined || !SOURCE.test(name)) continue;
    try {
      const file = realpathSync(path.join(environment.project, name));
      const about = statSync(file, { bigint: true });
      if (about.size !== BigInt(size) || about.mtimeNs !== BigInt(modified) || about.size > FILE_BYTES_MAX) continue;
      const lines = new Set();
      for (const span of spans.split(',')) {
        const [first, last] = span.split('-').map(Number);
        for (let at = first; at <= last; at += 1) lines.add(at);
      }
      files.set(file, new ChangedFile(name, readFileSync(file, 'utf8'), lines));
    } catch {
      // It is gone, or no file: no line of it executes.
    }
  }
}

function post(method, parameters) {
  let found = null;
  session.post(method, parameters, (error, result) => {
    found = error ? null : result;
  });
  return found;
}

/** The changed file that a script is made of; undefined for nearly all scripts. */
function fileOf(url) {
  if (!url) return undefined;
  if (!url.startsWith('file://')) return files.get(url);
  try {
    return files.get(fileURLToPath(url.replace(/[?#].*$/, '')));
  } catch {
    return undefined;
  }
}

/** Takes the counts since the last time. */
function take() {
  const scripts = (post('Profiler.takePreciseCoverage')?.result ?? []).filter(({ url }) => fileOf(url));
  if (scripts.length === 0) return;
  const sources = new Map();
  for (const { scriptId, url, functions } of scripts) {
    const file = fileOf(url);
    const source = Generated.direct(file.text, functions) ?? Generated.of(url, file, sourceOf(scriptId, sources));
    if (source) file.report(source.lines(functions));
    else sendLines({ path: file.name, unmapped: true });
  }
  if (sources.size > 0) post('Debugger.disable');
}

/** The text that V8 compiled. */
function sourceOf(scriptId, sources) {
  if (sources.size === 0) post('Debugger.enable');
  if (!sources.has(scriptId)) sources.set(scriptId, post('Debugger.getScriptSource', { scriptId })?.scriptSource ?? '');
  return sources.get(scriptId);
}

function takeLater(millis) {
  setTimeout(quietly('lines.take', () => {
    const begun = monotonic();
    take();
    const took = Number(monotonic() - begun) / 1e6;
    takeLater(Math.max(TAKE_MILLIS, took * TAKE_FACTOR));
  }), millis).unref();
}

function begin() {
  read();
  if (files.size === 0) return;
  const { Session } = require('inspector');
  session = new Session();
  session.connect();
  post('Profiler.enable');
  post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  takeLater(TAKE_MILLIS);
  const last = quietly('lines.end', take);
  process.on('exit', last);
  // `process.exit` reads this function once all listeners have run.
  watch(process, 'reallyExit', last);
}

function start() {
  if (environment.lines && !process.env.NODE_V8_COVERAGE) quietly('lines.begin', begin)();
}

module.exports = { start };
