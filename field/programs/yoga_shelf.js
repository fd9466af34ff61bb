// A book service over GraphQL with Yoga, after its tutorial, its resolvers on PostgreSQL by pg: yoga_shelf.js DATABASE-PORT PORT
const path = require('path');
const { createServer } = require('http');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const { createSchema, createYoga } = load('graphql-yoga');
const { Pool } = load('pg');

const [database, port] = process.argv.slice(2);
const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const all = async (text, values) => (await pool.query(text, values)).rows;
const one = async (text, values) => (await all(text, values))[0];

const schema = createSchema({
  typeDefs: `
    type Author { id: ID! name: String! country: String! books: [Book!]! }
    type Tag { id: ID! name: String! }
    type Review { id: ID! stars: Int! text: String! }
    type Book { id: ID! title: String! pages: Int! author: Author! tags: [Tag!]! reviews: [Review!]! }
    type Query { books(page: Int = 0): [Book!]! book(id: ID!): Book author(id: ID!): Author authors(page: Int = 0): [Author!]! }
    type Mutation { addReview(book: ID!, stars: Int!, text: String!): Review! addBook(title: String!, author: ID!): Book! }`,
  resolvers: {
    Query: {
      books: (_, { page }) => all('SELECT * FROM books ORDER BY id LIMIT 15 OFFSET $1', [15 * page]),
      book: (_, { id }) => one('SELECT * FROM books WHERE id = $1', [id]),
      author: (_, { id }) => one('SELECT * FROM authors WHERE id = $1', [id]),
      authors: (_, { page }) => all('SELECT * FROM authors ORDER BY id LIMIT 10 OFFSET $1', [10 * page]),
    },
    Mutation: {
      addReview: (_, { book, stars, text }) => one('INSERT INTO reviews (book_id, stars, text) VALUES ($1, $2, $3) RETURNING *', [book, stars, text]),
      addBook: (_, { title, author }) => one('INSERT INTO books (title, author_id) VALUES ($1, $2) RETURNING *', [title, author]),
    },
    Book: {
      author: book => one('SELECT * FROM authors WHERE id = $1', [book.author_id]),
      tags: book => all('SELECT t.* FROM tags t JOIN book_tags b ON b.tag_id = t.id WHERE b.book_id = $1', [book.id]),
      reviews: book => all('SELECT * FROM reviews WHERE book_id = $1', [book.id]),
    },
    Author: { books: author => all('SELECT * FROM books WHERE author_id = $1', [author.id]) },
  },
});
createServer(createYoga({ schema, logging: false })).listen(Number(port), '127.0.0.1');
