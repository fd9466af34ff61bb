import { parentPort } from 'node:worker_threads';
import Database from 'better-sqlite3';

parentPort.postMessage(new Database(':memory:').prepare('SELECT 2 AS two').get().two);
