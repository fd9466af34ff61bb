'use strict';
// Owns: the way of finished spans out of the process. Each record is one synchronous write to a file in memory, made
// when the span ends, so that it survives any end of the process:
//
//   0x1e {"process":KEY,"pid":N,"resource":{…},"scope":{…}} 0x0a     the first record of a process or thread
//   0x1e {"p":KEY,"spans":[SPAN]} 0x0a
//   0x1e {"p":KEY,"lines":{"path":PATH,"executed":[[FIRST,LAST],…]}} 0x0a    see lines.cjs
//   0x1e {"p":KEY,"lost":N,"why":"full"|"large"|"failed"} 0x0a
//   0x1e {"p":KEY,"error":"place: Type"} 0x0a
//
// It never writes to a file that is not the channel, never throws, never prints. Once its reader, `kino run` or an engine,
// has ended (EPERM) or was killed, or where the file cannot be opened, spans go to the engine.

const { constants } = require('fs');
const { openSync, closeSync, writeSync, fstatSync, statSync, readlinkSync, stringify, now } = require('./intrinsics.cjs');
const environment = require('./environment.cjs');
const { KEY, processRecord } = require('./resource.cjs');

/** A reader takes a record of this size in one piece. */
const RECORD_BYTES_MAX = 256 * 1024;
/** Memory of the file while nothing reads it. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Times that the file is opened again. */
const REOPENED_MAX = 64;
/** Errors of the bootstrap that one process reports. */
const ERRORS_MAX = 20;
/** How often it is looked whether the reader lives. */
const LOOK_MILLISECONDS = 1000;
/** Descriptors of processes: a number may be another file's by now. */
const DESCRIPTORS = '/proc/';
/** What a channel's file is, of whatever process. */
const MEMORY = '/memfd:kino-spans';

let descriptor = -1;
let device = 0;
let inode = 0;
let reopened = 0;
let sender = null;
let errors = 0;
let looked = 0;
const lost = { full: 0, large: 0, failed: 0 };

/** Hands one finished span, as OTLP/JSON, over. */
function send(span) {
  if (sender) return sender.push(span);
  const text = encoded(span);
  if (text === null) return lose('large');
  const file = opened();
  if (file === null) return sender ? sender.push(span) : lose('failed');
  if (file.blocks * 512 > FILE_BYTES_MAX) return lose('full');
  for (const why of Object.keys(lost)) {
    if (lost[why] === 0) continue;
    const count = lost[why];
    lost[why] = 0;
    write(stringify({ p: KEY, lost: count, why }));
  }
  if (!write(text) && sender) sender.push(span);
}

/** Hands over what is known of the lines of a changed file. Once `kino run` has ended nobody reads it. */
function sendLines(lines) {
  if (sender || opened() === null) return;
  write(stringify({ p: KEY, lines }));
}

/** Reports an error of the bootstrap itself: where, and its type, never a value. */
function report(place, error) {
  if (errors >= ERRORS_MAX || sender) return;
  errors += 1;
  try {
    const type = typeof error?.name === 'string' ? error.name : typeof error;
    if (opened() !== null) write(stringify({ p: KEY, error: `${place}: ${type}`.slice(0, 200) }));
  } catch {
    // There is no other place to say it.
  }
}

function lose(why) {
  lost[why] += 1;
}

/** The record's text; its longest attributes are cut where it is too large. Null where that does not help. */
function encoded(span) {
  let text = stringify({ p: KEY, spans: [span] });
  if (text.length * 3 < RECORD_BYTES_MAX || Buffer.byteLength(text) + 2 <= RECORD_BYTES_MAX) return text;
  lose('large');
  for (let longest = 32 * 1024; longest >= 512; longest /= 4) {
    for (const owner of [span, ...(span.events ?? [])]) cut(owner.attributes, longest);
    text = stringify({ p: KEY, spans: [span] });
    if (Buffer.byteLength(text) + 2 <= RECORD_BYTES_MAX) return text;
  }
  return null;
}

function cut(attributes, longest) {
  for (const { value } of attributes) {
    if (value.stringValue?.length > longest) value.stringValue = value.stringValue.slice(0, longest).toWellFormed();
    for (const item of value.arrayValue?.values ?? []) {
      if (item.stringValue?.length > longest) item.stringValue = item.stringValue.slice(0, longest).toWellFormed();
    }
  }
}

/**
 * What the open file is; null where there is none. It is opened at the first record, and again where the program has
 * closed its descriptor or reused the number.
 */
function opened() {
  if (descriptor >= 0) {
    const file = fstat();
    if (file !== null && file.ino === inode && file.dev === device) {
      if (isRead()) return file;
      leave();
      return null;
    }
    descriptor = -1;
    reopened += 1;
  }
  return sender !== null || reopened > REOPENED_MAX ? null : open();
}

function open() {
  try {
    if (!isChannel(environment.channel)) throw new Error('another file');
    descriptor = openSync(environment.channel, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
    if (environment.channel.startsWith(DESCRIPTORS) && !isChannel(`/proc/self/fd/${descriptor}`)) throw new Error('another file');
    looked = now();
    const file = fstat();
    if (inode !== 0 && (file.ino !== inode || file.dev !== device)) throw new Error('another file');
    ({ ino: inode, dev: device } = file);
    if (reopened === 0) write(stringify(processRecord()));
    return sender === null ? file : null;
  } catch {
    leave();
    return null;
  }
}

/** True where a path that is a process's descriptor leads to a channel; what it leads to is not opened before. */
function isChannel(path) {
  return !path.startsWith(DESCRIPTORS) || readlinkSync(path).startsWith(MEMORY);
}

/** False once the reader is gone without having sealed the file: nobody reads what is appended then. */
function isRead() {
  const time = now();
  if (!environment.channel.startsWith(DESCRIPTORS) || (time >= looked && time - looked < LOOK_MILLISECONDS)) return true;
  looked = time;
  try {
    const file = statSync(environment.channel);
    return file.ino === inode && file.dev === device;
  } catch (error) {
    // Another root folder has no such path, whoever reads.
    return error?.code !== 'ENOENT' || !isThere('/proc/self');
  }
}

function isThere(path) {
  try {
    return Boolean(statSync(path));
  } catch {
    return false;
  }
}

/** Sends what waits, where spans go to the engine; the process ends now. */
function finish() {
  sender?.finish();
}

/** From now on spans go to the engine. */
function leave() {
  if (descriptor >= 0) {
    try {
      closeSync(descriptor);
    } catch {
      // The program has closed it.
    }
  }
  descriptor = -1;
  sender = require('./sender.cjs');
}

function fstat() {
  try {
    return fstatSync(descriptor);
  } catch {
    return null;
  }
}

/** One write; false where nothing was written. */
function write(text) {
  try {
    writeSync(descriptor, `\x1e${text}\n`);
    return true;
  } catch (error) {
    if (error?.code === 'EPERM') sender = require('./sender.cjs');
    else lose('failed');
    return false;
  }
}

module.exports = { send, sendLines, report, finish };
