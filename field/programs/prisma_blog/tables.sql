-- The tables that `prisma migrate` makes of schema.prisma, and what is in them at first.
CREATE TABLE "User" (id serial PRIMARY KEY, email text NOT NULL UNIQUE, name text);
CREATE TABLE "Profile" (id serial PRIMARY KEY, bio text NOT NULL, "userId" integer NOT NULL UNIQUE REFERENCES "User"(id) ON DELETE RESTRICT ON UPDATE CASCADE);
CREATE TABLE "Post" (
  id serial PRIMARY KEY, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, title text NOT NULL,
  content text, published boolean NOT NULL DEFAULT false, "viewCount" integer NOT NULL DEFAULT 0, "authorId" integer REFERENCES "User"(id) ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE TABLE "Category" (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE "_CategoryToPost" (
  "A" integer NOT NULL REFERENCES "Category"(id) ON DELETE CASCADE ON UPDATE CASCADE, "B" integer NOT NULL REFERENCES "Post"(id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "_CategoryToPost_AB_pkey" PRIMARY KEY ("A", "B")
);
CREATE INDEX "_CategoryToPost_B_index" ON "_CategoryToPost" ("B");
INSERT INTO "User" (email, name) SELECT 'user' || n || '@prisma.io', 'User ' || n FROM generate_series(1, 40) n;
INSERT INTO "Profile" (bio, "userId") SELECT 'Bio ' || n, n FROM generate_series(1, 30) n;
INSERT INTO "Category" (name) SELECT 'Category ' || n FROM generate_series(1, 10) n;
INSERT INTO "Post" (title, content, published, "authorId") SELECT 'Post ' || n, repeat('Words. ', 40), n % 4 <> 0, n % 40 + 1 FROM generate_series(1, 400) n;
INSERT INTO "_CategoryToPost" SELECT n % 10 + 1, n FROM generate_series(1, 400) n;
INSERT INTO "_CategoryToPost" SELECT (n + 3) % 10 + 1, n FROM generate_series(1, 400) n;
