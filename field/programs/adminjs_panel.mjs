// The administration of a shelf of books with AdminJS on Express and Sequelize, after its tutorial: adminjs_panel.mjs DATABASE-PORT PORT
import AdminJS from 'adminjs';
import AdminJSExpress from '@adminjs/express';
import { Database, Resource } from '@adminjs/sequelize';
import { Sequelize, DataTypes } from 'sequelize';
import express from 'express';

const [database, port] = process.argv.slice(2);
const sequelize = new Sequelize(`postgres://field@127.0.0.1:${database}/field`, { logging: false, define: { timestamps: false } });
const Author = sequelize.define('authors', { name: DataTypes.STRING, country: DataTypes.STRING });
const Book = sequelize.define('books', { title: DataTypes.STRING, pages: DataTypes.INTEGER, author_id: { type: DataTypes.INTEGER, references: { model: 'authors', key: 'id' } } });
const Review = sequelize.define('reviews', { stars: DataTypes.INTEGER, text: DataTypes.TEXT, book_id: { type: DataTypes.INTEGER, references: { model: 'books', key: 'id' } } });
const Tag = sequelize.define('tags', { name: DataTypes.STRING });
Book.belongsTo(Author, { foreignKey: 'author_id' });
Review.belongsTo(Book, { foreignKey: 'book_id' });

AdminJS.registerAdapter({ Database, Resource });
const admin = new AdminJS({ resources: [Author, Book, Review, Tag], rootPath: '/admin' });
const app = express();
app.use(admin.options.rootPath, AdminJSExpress.buildRouter(admin));
app.listen(Number(port), '127.0.0.1');
