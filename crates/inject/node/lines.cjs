'use strict';
// Owns: which lines of changed files execute, where `kino run --lines` asks for it. `KINO_LINES` names them, one file a
// line: `SIZE MTIME_NANOS FIRST-LAST,… PATH`, the path relative to the project.
//
// A process says once that it looks (`watching`): a run in which none does has recorded no lines.
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
const { inProject } = require('./code.cjs');
const { Generated } = require('./generated.cjs');
const { mapOf, sourcePath } = require('./sourcemaps.cjs');

const FILE_BYTES_MAX = 1024 * 1024;
const SOURCE = /\.[cm]?[jt]sx?$/;
/** The first time after which counts are taken while the process runs, in milliseconds. */
const TAKE_MILLIS = 500;
/** How many times as long as taking them took is waited before the next time. */
const TAKE_FACTOR = 50;
/** Scripts whose way back to the files is remembered. */
const SCRIPTS_MAX = 2_000;

/** Real path → what is asked of the file. */
const files = new Map();
/** Script → what of it is made of which changed files, as `[file, generated]`. */
const scripts = new Map();
let session = null;

class ChangedFile {
  constructor(name, text, modified, lines) {
    this.name = name;
    this.text = text;
    /** When it was written, in milliseconds. */
    this.modified = modified;
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
      files.set(file, new ChangedFile(name, readFileSync(file, 'utf8'), Number(about.mtimeMs), lines));
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
  let isDebugging = false;
  /** The text that V8 compiled. */
  const sourceOf = (scriptId) => {
    if (!isDebugging) isDebugging = post('Debugger.enable') !== null;
    return post('Debugger.getScriptSource', { scriptId })?.scriptSource ?? '';
  };
  for (const script of post('Profiler.takePreciseCoverage')?.result ?? []) {
    let known = scripts.get(script.scriptId);
    if (known === undefined) {
      known = partsOf(script, sourceOf);
      if (scripts.size >= SCRIPTS_MAX) scripts.clear();
      scripts.set(script.scriptId, known);
    }
    for (const [file, generated] of known) {
      if (generated) file.report(generated.lines(script.functions));
      else sendLines({ path: file.name, unmapped: true });
    }
  }
  if (isDebugging) post('Debugger.disable');
}

/** What of a script is made of changed files: nothing for nearly all scripts. */
function partsOf({ scriptId, url, functions }, sourceOf) {
  const file = fileOf(url);
  if (file === undefined) return compiledParts(url, functions);
  return [[file, Generated.direct(file.text, functions) ?? Generated.of(url, file, sourceOf(scriptId))]];
}

/** The same for a file of the project that a compiler or bundler wrote, by the source map that it names or contains. */
function compiledParts(url, functions) {
  const compiled = inProject(url);
  const map = compiled === null ? null : mapOf(compiled);
  if (map === null) return [];
  const { payload } = map;
  const sources = new Map();
  for (const [index, source] of (payload.sources ?? []).entries()) {
    const file = files.get(sourcePath(source ?? '', compiled)) ?? files.get(sourcePath(path.join(payload.sourceRoot ?? '', source ?? ''), compiled));
    if (file !== undefined) sources.set(file, [source, payload.sourcesContent?.[index]]);
  }
  if (sources.size === 0) return [];
  const text = readFileSync(compiled, 'utf8');
  const isWhole = functions[0]?.ranges[0].endOffset === text.length;
  return [...sources].map(([file, [source, content]]) => [
    file,
    isWhole && isMadeOf(content, file, compiled) ? Generated.mapped(payload, text, (named) => named === source) : undefined,
  ]);
}

/** Whether a compiled file was made of the file as it is now. */
function isMadeOf(content, file, compiled) {
  if (typeof content === 'string') return content === file.text;
  return require('fs').statSync(compiled).mtimeMs >= file.modified;
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
  sendLines({ watching: true });
  const last = quietly('lines.end', take);
  process.on('exit', last);
  // `process.exit` reads this function once all listeners have run.
  watch(process, 'reallyExit', last);
}

function start() {
  if (environment.lines && !process.env.NODE_V8_COVERAGE) quietly('lines.begin', begin)();
}

/** Takes the counts now, where a process will be killed instead of ending. */
const takeNow = quietly('lines.now', () => {
  if (session !== null) take();
});

module.exports = { start, takeNow };
