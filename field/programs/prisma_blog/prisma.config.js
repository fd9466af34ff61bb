module.exports = { schema: 'schema.prisma', datasource: { url: process.env.DATABASE_URL } };
