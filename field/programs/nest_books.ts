// A book service with NestJS and TypeORM, modules, controllers, services and entities as its documentation has them: nest_books.js DATABASE-PORT PORT
import 'reflect-metadata';
import { Body, Controller, Delete, Get, Injectable, Module, NotFoundException, Param, ParseIntPipe, Post, Put, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Column, Entity, ILike, In, JoinColumn, JoinTable, ManyToMany, ManyToOne, OneToMany, PrimaryGeneratedColumn, Repository } from 'typeorm';

@Entity('authors')
class Author {
  @PrimaryGeneratedColumn() id: number;
  @Column('text') name: string;
  @Column('text') country: string;
  @OneToMany(() => Book, book => book.author) books: any[];
}

@Entity('tags')
class Tag {
  @PrimaryGeneratedColumn() id: number;
  @Column('text') name: string;
  @ManyToMany(() => Book, book => book.tags) books: any[];
}

@Entity('books')
class Book {
  @PrimaryGeneratedColumn() id: number;
  @Column('text') title: string;
  @Column('int', { default: 100 }) pages: number;
  @Column('int') author_id: number;
  @ManyToOne(() => Author, author => author.books) @JoinColumn({ name: 'author_id' }) author: Author;
  @ManyToMany(() => Tag, tag => tag.books) @JoinTable({ name: 'book_tags', joinColumn: { name: 'book_id' }, inverseJoinColumn: { name: 'tag_id' } }) tags: Tag[];
  @OneToMany(() => Review, review => review.book, { cascade: true }) reviews: any[];
}

@Entity('reviews')
class Review {
  @PrimaryGeneratedColumn() id: number;
  @Column('int') book_id: number;
  @Column('int') stars: number;
  @Column('text') text: string;
  @ManyToOne(() => Book, book => book.reviews) @JoinColumn({ name: 'book_id' }) book: Book;
}

@Injectable()
class BooksService {
  constructor(
    @InjectRepository(Book) private books: Repository<Book>, @InjectRepository(Tag) private tags: Repository<Tag>,
    @InjectRepository(Review) private reviews: Repository<Review>) {}

  list(page: number, q?: string) {
    return this.books.find({ where: q ? { title: ILike(`%${q}%`) } : {}, relations: { author: true, tags: true }, order: { title: 'ASC' }, take: 20, skip: q ? 0 : 20 * page });
  }

  async one(id: number) {
    const found = await this.books.findOne({ where: { id }, relations: { author: true, tags: true, reviews: true } });
    if (!found) throw new NotFoundException();
    return found;
  }

  async add(body: any) {
    return this.books.save(this.books.create({ title: body.title, author_id: body.author_id, tags: await this.tags.findBy({ id: In(body.tags) }) }));
  }

  async change(id: number, body: any) {
    const book = await this.one(id);
    book.title = body.title;
    book.tags = await this.tags.findBy({ id: In(body.tags) });
    return this.books.save(book);
  }

  async review(id: number, body: any) {
    await this.one(id);
    return this.reviews.save({ book_id: id, ...body });
  }

  remove(id: number) { return this.books.delete(id); }

  popular() {
    return this.books.createQueryBuilder('book').innerJoin('book.reviews', 'review').select('book.id', 'id').addSelect('avg(review.stars)', 'stars').groupBy('book.id').orderBy('stars', 'DESC').limit(10).getRawMany();
  }
}

@Controller()
class BooksController {
  constructor(private service: BooksService, @InjectRepository(Author) private authors: Repository<Author>, @InjectRepository(Tag) private tags: Repository<Tag>) {}

  @Get('books') list(@Query('page') page: string, @Query('q') q: string) { return this.service.list(Number(page ?? 0), q); }
  @Get('books/:id') one(@Param('id', ParseIntPipe) id: number) { return this.service.one(id); }
  @Post('books') add(@Body() body: any) { return this.service.add(body); }
  @Put('books/:id') change(@Param('id', ParseIntPipe) id: number, @Body() body: any) { return this.service.change(id, body); }
  @Delete('books/:id') remove(@Param('id', ParseIntPipe) id: number) { return this.service.remove(id); }
  @Post('books/:id/reviews') review(@Param('id', ParseIntPipe) id: number, @Body() body: any) { return this.service.review(id, body); }
  @Get('authors') all(@Query('page') page: string) { return this.authors.find({ relations: { books: true }, take: 15, skip: 15 * Number(page) }); }
  @Get('authors/:id') author(@Param('id', ParseIntPipe) id: number) { return this.authors.findOne({ where: { id }, relations: { books: { tags: true } } }); }
  @Get('tags') listTags() { return this.tags.find(); }
  @Get('tags/:id') tag(@Param('id', ParseIntPipe) id: number) { return this.tags.findOne({ where: { id }, relations: { books: { author: true } } }); }
  @Get('popular') popular() { return this.service.popular(); }
}

const [database, port] = process.argv.slice(2);

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', host: '127.0.0.1', port: Number(database), username: 'field', database: 'field', entities: [Author, Book, Tag, Review] }),
    TypeOrmModule.forFeature([Author, Book, Tag, Review]),
  ],
  controllers: [BooksController],
  providers: [BooksService],
})
class AppModule {}

NestFactory.create(AppModule, { logger: ['error'] }).then(app => app.listen(Number(port), '127.0.0.1'));
