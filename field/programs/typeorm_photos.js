// The photos of TypeORM's tutorial behind Express, as its page "Example with Express" has it: typeorm_photos.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');

// Packages are those of the folder that this runs for, not of the folder that this file is in.
const need = createRequire(path.join(process.env.PLACE, 'package.json'));
const express = need('express');
const { DataSource, EntitySchema, ILike } = need('typeorm');

const id = { primary: true, type: 'int', generated: true };
const Photo = new EntitySchema({
  name: 'Photo',
  columns: {
    id, name: { type: 'varchar', length: 100 }, description: { type: 'text' }, filename: { type: 'varchar' },
    views: { type: 'int', default: 0 }, isPublished: { type: 'boolean', default: true },
  },
  relations: {
    author: { type: 'many-to-one', target: 'Author', inverseSide: 'photos', joinColumn: true },
    metadata: { type: 'one-to-one', target: 'PhotoMetadata', inverseSide: 'photo', cascade: true },
    albums: { type: 'many-to-many', target: 'Album', inverseSide: 'photos' },
  },
});
const Author = new EntitySchema({
  name: 'Author',
  columns: { id, name: { type: 'varchar' } },
  relations: { photos: { type: 'one-to-many', target: 'Photo', inverseSide: 'author' } },
});
const PhotoMetadata = new EntitySchema({
  name: 'PhotoMetadata',
  columns: { id, height: { type: 'int' }, width: { type: 'int' }, orientation: { type: 'varchar' }, compressed: { type: 'boolean' }, comment: { type: 'varchar' } },
  relations: { photo: { type: 'one-to-one', target: 'Photo', inverseSide: 'metadata', joinColumn: true, onDelete: 'CASCADE' } },
});
const Album = new EntitySchema({
  name: 'Album',
  columns: { id, name: { type: 'varchar' } },
  relations: { photos: { type: 'many-to-many', target: 'Photo', inverseSide: 'albums', joinTable: true } },
});

const source = new DataSource({
  type: 'postgres', host: '127.0.0.1', port: Number(process.argv[2]), username: 'field', password: '', database: 'field',
  synchronize: true, entities: [Photo, Author, PhotoMetadata, Album],
});

async function fill() {
  const authors = await source.getRepository('Author').save(Array.from({ length: 20 }, (_, n) => ({ name: `Author ${n}` })));
  const albums = await source.getRepository('Album').save(Array.from({ length: 12 }, (_, n) => ({ name: `Album ${n}` })));
  const photos = Array.from({ length: 200 }, (_, n) => ({
    name: `Photo ${n}`, description: `Photo ${n} is near polar bears.`, filename: `photo-${n}.jpg`, views: n, isPublished: n % 7 !== 0,
    author: authors[n % 20], albums: [albums[n % 12], albums[(n + 5) % 12]],
    metadata: { height: 640, width: 480, orientation: n % 2 ? 'portrait' : 'landscape', compressed: true, comment: 'cybershoot' },
  }));
  await source.getRepository('Photo').save(photos);
}

async function main() {
  await source.initialize();
  await fill();
  const photos = source.getRepository('Photo');
  const albums = source.getRepository('Album');
  const authors = source.getRepository('Author');
  const app = express();
  app.use(express.json());
  const answer = (work) => (request, response, next) => work(request).then((value) => response.json(value ?? null), next);

  app.get('/photos', answer(async (request) => {
    const [rows, count] = await photos.findAndCount({
      where: { isPublished: true }, relations: { author: true, metadata: true }, order: { views: 'DESC' },
      take: 20, skip: 20 * Number(request.query.page ?? 0),
    });
    return { rows, count };
  }));
  app.get('/photos/search', answer((request) => photos.findBy({ name: ILike(`%${request.query.q}%`) })));
  app.get('/photos/:id', answer((request) => photos.findOne({ where: { id: Number(request.params.id) }, relations: { author: true, metadata: true, albums: true } })));
  app.post('/photos', answer((request) => photos.save(photos.create(request.body))));
  app.put('/photos/:id', answer(async (request) => {
    const photo = await photos.findOneBy({ id: Number(request.params.id) });
    photos.merge(photo, request.body);
    return photos.save(photo);
  }));
  app.post('/photos/:id/view', answer((request) => photos.increment({ id: Number(request.params.id) }, 'views', 1)));
  app.delete('/photos/:id', answer(async (request) => {
    const photo = await photos.findOneBy({ id: Number(request.params.id) });
    return photo && photos.remove(photo);
  }));
  app.get('/albums', answer(() => albums.find({ relations: { photos: true }, order: { id: 'ASC' } })));
  app.get('/albums/:id', answer((request) => albums.createQueryBuilder('album')
    .leftJoinAndSelect('album.photos', 'photo').leftJoinAndSelect('photo.metadata', 'metadata')
    .where('album.id = :id', { id: Number(request.params.id) }).andWhere('photo.isPublished = true').getOne()));
  app.post('/albums', answer((request) => source.transaction(async (manager) => {
    const chosen = await manager.find('Photo', { where: request.body.photos.map((one) => ({ id: one })) });
    return manager.save('Album', { name: request.body.name, photos: chosen });
  })));
  app.get('/authors', answer(() => authors.createQueryBuilder('author').leftJoin('author.photos', 'photo')
    .select('author.id', 'id').addSelect('author.name', 'name').addSelect('COUNT(photo.id)', 'count').groupBy('author.id').getRawMany()));
  app.get('/authors/:id', answer((request) => authors.findOne({ where: { id: Number(request.params.id) }, relations: { photos: { metadata: true } } })));
  app.get('/statistics', answer(() => photos.createQueryBuilder('photo').leftJoin('photo.author', 'author')
    .select('author.name', 'name').addSelect('SUM(photo.views)', 'views').groupBy('author.name').getRawMany()));
  app.listen(Number(process.argv[3]), '127.0.0.1');
}

main();
