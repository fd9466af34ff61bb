// The API of a blog, with what AdonisJS's guides show of its router, validator, authentication and Lucid.
import router from '@adonisjs/core/services/router'
import vine from '@vinejs/vine'
import db from '@adonisjs/lucid/services/db'
import { Comment, Post, Tag, User } from './models.js'

const signUp = vine.compile(vine.object({ fullName: vine.string(), email: vine.string().email(), password: vine.string().minLength(8) }))
const logIn = vine.compile(vine.object({ email: vine.string().email(), password: vine.string() }))
const newPost = vine.compile(vine.object({ title: vine.string().maxLength(200), body: vine.string(), tags: vine.array(vine.number()).optional() }))
const newComment = vine.compile(vine.object({ body: vine.string().maxLength(2000) }))
const known = async ({ auth }, next) => { await auth.authenticateUsing(['api']); return next() }

router.post('/register', async ({ request }) => {
  const user = await User.create(await request.validateUsing(signUp))
  return User.accessTokens.create(user)
})
router.post('/login', async ({ request }) => {
  const { email, password } = await request.validateUsing(logIn)
  return User.accessTokens.create(await User.verifyCredentials(email, password))
})
router.get('/posts', async ({ request }) => {
  const query = Post.query().preload('user').preload('tags').withCount('comments', (it) => it.as('comments')).orderBy('id', 'desc')
  if (request.input('q')) query.whereILike('title', `%${request.input('q')}%`)
  if (request.input('tag')) query.whereHas('tags', (tags) => tags.where('name', request.input('tag')))
  return query.paginate(request.input('page', 1), 20)
})
router.get('/posts/:slug', async ({ params }) => {
  return Post.query().where('slug', params.slug).preload('user').preload('tags').preload('comments', (it) => it.preload('user').orderBy('id')).firstOrFail()
})
router.get('/tags', async () => Tag.query().withCount('posts').orderBy('name'))
router.get('/people/:id', async ({ params }) => {
  const user = await User.findOrFail(params.id)
  await user.load('posts', (posts) => posts.orderBy('id', 'desc').limit(10))
  return user
})
router.group(() => {
  router.get('/me', async ({ auth }) => auth.user)
  router.post('/posts', async ({ auth, request, response }) => {
    const { tags = [], ...body } = await request.validateUsing(newPost)
    const post = await db.transaction(async (trx) => {
      const made = await Post.create({ ...body, slug: `${body.title.toLowerCase().replace(/\W+/g, '-')}-${Date.now()}`, userId: auth.user.id }, { client: trx })
      await made.related('tags').attach(tags)
      return made
    })
    return response.created(post)
  })
  router.put('/posts/:id', async ({ auth, params, request, response }) => {
    const post = await Post.findOrFail(params.id)
    if (post.userId !== auth.user.id) return response.forbidden()
    const { tags, ...body } = await request.validateUsing(newPost)
    await post.merge(body).save()
    if (tags) await post.related('tags').sync(tags)
    return post
  })
  router.delete('/posts/:id', async ({ auth, params, response }) => {
    const post = await Post.findOrFail(params.id)
    if (post.userId !== auth.user.id) return response.forbidden()
    await post.delete()
    return response.noContent()
  })
  router.post('/posts/:id/comments', async ({ auth, params, request, response }) => {
    const post = await Post.findOrFail(params.id)
    return response.created(await post.related('comments').create({ ...(await request.validateUsing(newComment)), userId: auth.user.id }))
  })
  router.delete('/comments/:id', async ({ auth, params, response }) => {
    const comment = await Comment.findOrFail(params.id)
    if (comment.userId !== auth.user.id) return response.forbidden()
    await comment.delete()
    return response.noContent()
  })
}).use(known)
