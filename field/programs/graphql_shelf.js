// A library over GraphQL with resolvers on PostgreSQL: graphql_shelf.js express-graphql|dataloader DATABASE-PORT PORT
//
// The first serves by express-graphql, each resolver asking for what it needs; the second has its readme's loaders for each request.
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const { buildSchema, graphql } = load('graphql');
const { Pool } = load('pg');

const [kind, database, port] = process.argv.slice(2);
const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const all = async (text, ...values) => (await pool.query(text, values)).rows;

const schema = buildSchema(`
  type Author { id: ID!  name: String!  country: String!  books: [Book!]! }
  type Tag { id: ID!  name: String! }
  type Review { stars: Int!  text: String! }
  type Book { id: ID!  title: String!  pages: Int!  author: Author!  tags: [Tag!]!  reviews: [Review!]! }
  type Query { books(page: Int = 0): [Book!]!  book(id: ID!): Book  authors: [Author!]!  author(id: ID!): Author }
  type Mutation { addReview(book: ID!, stars: Int!, text: String!): Review! }
`);

const plain = () => ({
  author: id => all('SELECT * FROM authors WHERE id = $1', id).then(([row]) => row),
  booksOf: id => all('SELECT * FROM books WHERE author_id = $1 ORDER BY title', id),
  tagsOf: id => all('SELECT t.* FROM tags t JOIN book_tags bt ON bt.tag_id = t.id WHERE bt.book_id = $1', id),
  reviewsOf: id => all('SELECT * FROM reviews WHERE book_id = $1', id),
});

function loaders() {
  const DataLoader = load('dataloader');
  const many = (text, key) => new DataLoader(async ids => {
    const rows = await all(text, ids);
    return ids.map(id => rows.filter(row => row[key] === id));
  });
  const authors = new DataLoader(async ids => {
    const rows = await all('SELECT * FROM authors WHERE id = ANY($1)', ids);
    return ids.map(id => rows.find(row => row.id === id) || new Error(`No result for ${id}`));
  });
  const books = many('SELECT * FROM books WHERE author_id = ANY($1) ORDER BY title', 'author_id');
  const tags = many('SELECT t.*, bt.book_id FROM tags t JOIN book_tags bt ON bt.tag_id = t.id WHERE bt.book_id = ANY($1)', 'book_id');
  const reviews = many('SELECT * FROM reviews WHERE book_id = ANY($1)', 'book_id');
  return { author: id => authors.load(id), booksOf: id => books.load(id), tagsOf: id => tags.load(id), reviewsOf: id => reviews.load(id) };
}

const source = kind === 'dataloader' ? loaders : plain;
const book = row => row && ({ ...row, author: (_, from) => from.author(row.author_id).then(author), tags: (_, from) => from.tagsOf(row.id), reviews: (_, from) => from.reviewsOf(row.id) });
const author = row => row && ({ ...row, books: (_, from) => from.booksOf(row.id).then(rows => rows.map(book)) });
const rootValue = {
  books: async ({ page }) => (await all('SELECT * FROM books ORDER BY title LIMIT 20 OFFSET $1', 20 * page)).map(book),
  book: async ({ id }) => book((await all('SELECT * FROM books WHERE id = $1', id))[0]),
  authors: async () => (await all('SELECT * FROM authors ORDER BY name')).map(author),
  author: async ({ id }, from) => author(await from.author(Number(id))),
  addReview: async ({ book, stars, text }) => (await all('INSERT INTO reviews (book_id, stars, text) VALUES ($1, $2, $3) RETURNING *', book, stars, text))[0],
};

const app = express();
if (kind === 'dataloader') {
  app.use(express.json());
  app.post('/graphql', async (request, response) => {
    const { query, variables } = request.body;
    response.json(await graphql({ schema, rootValue, source: query, variableValues: variables, contextValue: source() }));
  });
} else {
  const { graphqlHTTP } = load('express-graphql');
  app.use('/graphql', graphqlHTTP(() => ({ schema, rootValue, context: source(), graphiql: true })));
}
app.listen(Number(port), '127.0.0.1');
