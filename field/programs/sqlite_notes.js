// Notes with a full-text search on Express and better-sqlite3: sqlite_notes.js PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const db = new (load('better-sqlite3'))('notes.db');

db.pragma('journal_mode = WAL');
db.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL); CREATE TABLE labels (id INTEGER PRIMARY KEY, name TEXT UNIQUE); CREATE TABLE note_labels (note INTEGER REFERENCES notes, label INTEGER REFERENCES labels, PRIMARY KEY (note, label)); CREATE VIRTUAL TABLE found USING fts5(title, text)');
const add = {
  note: db.prepare('INSERT INTO notes (title, text) VALUES (?, ?)'),
  found: db.prepare('INSERT INTO found (rowid, title, text) VALUES (?, ?, ?)'),
  label: db.prepare('INSERT INTO labels (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id'),
  noteLabel: db.prepare('INSERT OR IGNORE INTO note_labels VALUES (?, ?)'),
};
const save = db.transaction(({ title, text, labels }) => {
  const { lastInsertRowid: id } = add.note.run(title, text);
  add.found.run(id, title, text);
  for (const name of labels) add.noteLabel.run(id, add.label.get(name).id);
  return { id };
});
const labelsOf = db.prepare('SELECT name FROM labels JOIN note_labels ON label = id WHERE note = ?').pluck();
for (let n = 0; n < 120; n++) save({ title: `Note ${n}`, text: `About topic ${n % 15} and place ${n % 7}`, labels: [`label ${n % 9}`] });

const app = express();
app.use(express.json());
app.get('/notes', (request, response) => {
  const notes = db.prepare('SELECT id, title FROM notes ORDER BY id DESC LIMIT 20 OFFSET ?').all(20 * (request.query.page || 0));
  response.json(notes.map(note => ({ ...note, labels: labelsOf.all(note.id) })));
});
app.get('/notes/:id', (request, response) => {
  const note = db.prepare('SELECT * FROM notes WHERE id = ?').get(request.params.id);
  if (!note) return response.status(404).json({ error: 'no such note' });
  response.json({ ...note, labels: labelsOf.all(note.id) });
});
app.get('/search', (request, response) => response.json(db.prepare('SELECT rowid AS id, title FROM found WHERE found MATCH ? ORDER BY rank LIMIT 10').all(request.query.q)));
app.post('/notes', (request, response) => response.status(201).json(save(request.body)));
app.get('/labels', (request, response) => response.json(db.prepare('SELECT name, count(*) AS notes FROM labels JOIN note_labels ON label = id GROUP BY id').all()));
app.listen(Number(process.argv[2]), '127.0.0.1');
