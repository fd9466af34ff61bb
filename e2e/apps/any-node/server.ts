// TypeScript whose lines differ from those that run.
import { execFileSync } from 'node:child_process';
import Database from 'better-sqlite3';

interface Row {
  one: number;
}

type Failure = { message: string; stack: string };

const db = new Database(':memory:');

export function read(): Row[] {
  return db.prepare('SELECT 1 AS one').all() as Row[];
}

execFileSync('true');
console.log(read());
try {
  db.prepare('SELECT * FROM nowhere').all();
} catch (error) {
  console.log((error as Failure).stack);
}
