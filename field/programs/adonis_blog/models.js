// The models. Lucid's decorators are called as functions here, since plain JavaScript has none.
import { compose } from '@adonisjs/core/helpers'
import hash from '@adonisjs/core/services/hash'
import { withAuthFinder } from '@adonisjs/auth/mixins/lucid'
import { DbAccessTokensProvider } from '@adonisjs/auth/access_tokens'
import { BaseModel, belongsTo, column, hasMany, manyToMany } from '@adonisjs/lucid/orm'

function columns(Model, ...names) {
  column({ isPrimary: true })(Model.prototype, 'id')
  for (const name of names) column()(Model.prototype, name)
  column.dateTime({ autoCreate: true })(Model.prototype, 'createdAt')
  column.dateTime({ autoCreate: true, autoUpdate: true })(Model.prototype, 'updatedAt')
}

export class User extends compose(BaseModel, withAuthFinder(() => hash.use('scrypt'), { uids: ['email'], passwordColumnName: 'password' })) {
  static accessTokens = DbAccessTokensProvider.forModel(User)
}
export class Post extends BaseModel {}
export class Comment extends BaseModel {}
export class Tag extends BaseModel {}

columns(User, 'fullName', 'email')
column({ serializeAs: null })(User.prototype, 'password')
hasMany(() => Post)(User.prototype, 'posts')
columns(Post, 'userId', 'title', 'slug', 'body')
belongsTo(() => User)(Post.prototype, 'user')
hasMany(() => Comment)(Post.prototype, 'comments')
manyToMany(() => Tag, { pivotTable: 'post_tag' })(Post.prototype, 'tags')
columns(Comment, 'postId', 'userId', 'body')
belongsTo(() => User)(Comment.prototype, 'user')
belongsTo(() => Post)(Comment.prototype, 'post')
columns(Tag, 'name')
manyToMany(() => Post, { pivotTable: 'post_tag' })(Tag.prototype, 'posts')
