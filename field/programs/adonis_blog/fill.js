// Tables and what is in them at first: people, tags, posts with comments.
import db from '@adonisjs/lucid/services/db'
import { Comment, Post, Tag, User } from './models.js'

const some = (amount, make) => Array.from({ length: amount }, (_, n) => make(n))

async function fill() {
  const tables = () => db.connection().schema
  const table = (name, columns) => tables().createTable(name, (it) => { it.increments('id'); columns(it); it.timestamps(true, true) })
  await table('users', (it) => { it.string('full_name'); it.string('email').unique(); it.string('password') })
  await table('posts', (it) => { it.integer('user_id').references('users.id'); it.string('title'); it.string('slug').unique(); it.text('body') })
  await table('comments', (it) => { it.integer('post_id').references('posts.id').onDelete('CASCADE'); it.integer('user_id').references('users.id'); it.text('body') })
  await table('tags', (it) => { it.string('name').unique() })
  await tables().createTable('post_tag', (it) => { it.increments('id'); it.integer('post_id').references('posts.id').onDelete('CASCADE'); it.integer('tag_id').references('tags.id') })
  await tables().createTable('auth_access_tokens', (it) => {
    it.increments('id'); it.integer('tokenable_id').references('users.id'); it.string('type'); it.string('name').nullable(); it.string('hash'); it.text('abilities')
    it.timestamp('created_at'); it.timestamp('updated_at'); it.timestamp('last_used_at').nullable(); it.timestamp('expires_at').nullable()
  })
  await User.createMany(some(25, (n) => ({ fullName: `Person ${n}`, email: `person${n}@example.com`, password: 'secret-word' })))
  const tags = await Tag.createMany(some(12, (n) => ({ name: `tag-${n}` })))
  const posts = await Post.createMany(some(300, (n) => ({ userId: n % 25 + 1, title: `Post ${n}`, slug: `post-${n}`, body: 'Words of it. '.repeat(30) })))
  await db.table('post_tag').multiInsert(posts.flatMap((post, n) => [0, 5].map((more) => ({ post_id: post.id, tag_id: tags[(n + more) % 12].id }))))
  await db.table('comments').multiInsert(some(900, (n) => ({ post_id: posts[n % 300].id, user_id: n % 25 + 1, body: `Comment ${n}` })))
}

await fill()
