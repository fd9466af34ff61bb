"""Artists, albums and tracks with ormar behind FastAPI, as its documentation has them, in the database of DATABASE_URL."""

import os
from contextlib import asynccontextmanager

import ormar
import sqlalchemy
from fastapi import FastAPI, HTTPException
from ormar.databases.connection import DatabaseConnection
from sqlalchemy.ext.asyncio import create_async_engine

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
base = ormar.OrmarConfig(database=DatabaseConnection(url), metadata=sqlalchemy.MetaData(), engine=create_async_engine(url))


class Artist(ormar.Model):
    ormar_config = base.copy(tablename="artists")
    id: int = ormar.Integer(primary_key=True)
    name: str = ormar.String(max_length=100)


class Album(ormar.Model):
    ormar_config = base.copy(tablename="albums")
    id: int = ormar.Integer(primary_key=True)
    name: str = ormar.String(max_length=100)
    year: int = ormar.Integer(default=2000)
    artist: Artist | None = ormar.ForeignKey(Artist, related_name="albums")


class Tag(ormar.Model):
    ormar_config = base.copy(tablename="tags")
    id: int = ormar.Integer(primary_key=True)
    name: str = ormar.String(max_length=40, unique=True)


class Track(ormar.Model):
    ormar_config = base.copy(tablename="tracks")
    id: int = ormar.Integer(primary_key=True)
    title: str = ormar.String(max_length=100)
    position: int = ormar.Integer(default=1)
    album: Album | None = ormar.ForeignKey(Album, related_name="tracks", ondelete="CASCADE")
    tags: list[Tag] | None = ormar.ManyToMany(Tag)


async def fill():
    async with base.engine.begin() as connection:
        await connection.run_sync(base.metadata.create_all)
    await Artist.objects.bulk_create([Artist(name=f"Artist {n}") for n in range(30)])
    artists = await Artist.objects.all()
    await Album.objects.bulk_create([Album(name=f"Album {n}", year=1970 + n % 50, artist=artists[n % 30]) for n in range(90)])
    await Tag.objects.bulk_create([Tag(name=f"tag-{n}") for n in range(10)])
    albums, tags = await Album.objects.all(), await Tag.objects.all()
    await Track.objects.bulk_create([Track(title=f"Track {n}", position=n // 90 + 1, album=albums[n % 90]) for n in range(450)])
    for track in await Track.objects.limit(60).all():
        await track.tags.add(tags[track.id % 10])


@asynccontextmanager
async def lifespan(_):
    await base.database.connect()
    await fill()
    yield
    await base.database.disconnect()


app = FastAPI(lifespan=lifespan)


async def found(query, **filters):
    try:
        return await query.get(**filters)
    except ormar.NoMatch as error:
        raise HTTPException(404) from error


@app.get("/albums")
async def albums(page: int = 1):
    return {"count": await Album.objects.count(), "items": await Album.objects.select_related("artist").order_by("id").paginate(page, 20).all()}


@app.get("/albums/{album_id}")
async def album(album_id: int):
    return await found(Album.objects.select_related(["artist", "tracks"]), id=album_id)


@app.post("/albums", status_code=201)
async def new_album(album: Album):
    await album.save_related(follow=True, save_all=True)
    return album


@app.put("/albums/{album_id}")
async def change_album(album_id: int, body: dict):
    return await (await found(Album.objects, id=album_id)).update(**body)


@app.delete("/albums/{album_id}", status_code=204)
async def remove_album(album_id: int):
    await (await found(Album.objects, id=album_id)).delete()


@app.get("/artists")
async def artists():
    return await Artist.objects.prefetch_related("albums").order_by("name").all()


@app.get("/artists/{artist_id}")
async def artist(artist_id: int):
    one = await found(Artist.objects, id=artist_id)
    await one.load_all(follow=True)
    return one.model_dump()


@app.get("/tracks")
async def tracks(q: str = "", tag: str = ""):
    query = Track.objects.filter(tags__name=tag) if tag else Track.objects.filter(title__icontains=q)
    return await query.select_related(["album", "tags"]).limit(50).all()


@app.post("/tracks/{track_id}/tags/{name}")
async def add_tag(track_id: int, name: str):
    track = await found(Track.objects, id=track_id)
    tag, _ = await Tag.objects.get_or_create(name=name)
    await track.tags.add(tag)
    return {"tag": tag.id}


@app.get("/statistics")
async def statistics():
    return {"tracks": await Track.objects.count(), "longest": await Track.objects.max("position"), "years": await Album.objects.avg("year")}
