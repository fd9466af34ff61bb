// The REST API of Prisma's example with Express, a little longer: server.js PORT, on the database of DATABASE_URL.
const express = require('express');
const { PrismaClient } = require('@prisma/client');
const { PrismaPg } = require('@prisma/adapter-pg');

const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) });
const app = express();
app.use(express.json());
const answer = (work) => (request, response, next) => work(request).then((value) => response.json(value ?? null), next);

app.post('/signup', answer(({ body }) => prisma.user.create({
  data: { name: body.name, email: body.email, posts: { create: (body.posts ?? []).map(({ title, content }) => ({ title, content })) } },
})));
app.get('/users', answer(() => prisma.user.findMany({ include: { profile: true, _count: { select: { posts: true } } } })));
app.get('/users/:id', answer(({ params }) => prisma.user.findUnique({ where: { id: Number(params.id) }, include: { profile: true, posts: { take: 5, orderBy: { id: 'desc' } } } })));
app.get('/user/:id/drafts', answer(({ params }) => prisma.user.findUnique({ where: { id: Number(params.id) } }).posts({ where: { published: false } })));
app.put('/users/:id/profile', answer(({ params, body }) => prisma.profile.upsert({
  where: { userId: Number(params.id) }, update: { bio: body.bio }, create: { bio: body.bio, user: { connect: { id: Number(params.id) } } },
})));
app.post('/post', answer(({ body }) => prisma.post.create({
  data: {
    title: body.title, content: body.content, author: { connect: { email: body.authorEmail } },
    categories: { connectOrCreate: body.categories.map((name) => ({ where: { name }, create: { name } })) },
  },
  include: { categories: true },
})));
app.put('/post/:id/views', answer(({ params }) => prisma.post.update({ where: { id: Number(params.id) }, data: { viewCount: { increment: 1 } } })));
app.put('/publish/:id', answer(async ({ params }) => {
  const post = await prisma.post.findUnique({ where: { id: Number(params.id) }, select: { published: true } });
  return prisma.post.update({ where: { id: Number(params.id) }, data: { published: !post?.published } });
}));
app.delete('/post/:id', answer(({ params }) => prisma.post.delete({ where: { id: Number(params.id) } })));
app.get('/post/:id', answer(({ params }) => prisma.post.findUnique({ where: { id: Number(params.id) }, include: { author: { include: { profile: true } }, categories: true } })));
app.get('/feed', answer(async ({ query }) => {
  const { searchString, skip, take, orderBy } = query;
  const or = searchString ? { OR: [{ title: { contains: searchString, mode: 'insensitive' } }, { content: { contains: searchString } }] } : {};
  const where = { published: true, ...or };
  const [posts, count] = await prisma.$transaction([
    prisma.post.findMany({ where, include: { author: true, categories: true }, take: Number(take) || 20, skip: Number(skip) || 0, orderBy: { updatedAt: orderBy ?? 'desc' } }),
    prisma.post.count({ where }),
  ]);
  return { posts, count };
}));
app.get('/categories', answer(() => prisma.category.findMany({ include: { _count: { select: { posts: true } } }, orderBy: { name: 'asc' } })));
app.get('/categories/:id', answer(({ params }) => prisma.category.findUnique({ where: { id: Number(params.id) }, include: { posts: { where: { published: true }, take: 20, include: { author: true } } } })));
app.get('/authors', answer(() => prisma.post.groupBy({ by: ['authorId'], _count: true, _sum: { viewCount: true }, orderBy: { _count: { id: 'desc' } }, take: 10 })));
app.listen(Number(process.argv[2]), '127.0.0.1');
