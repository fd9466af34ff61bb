"""Listeners of Supysonic by Subsonic's API and its pages: folders, artists, albums, lists, searches, stars, songs. supysonic_day.py URL"""

import re
import sys

from any_day import Asker

asker = Asker(sys.argv[1])


def call(method, **parameters):
    query = "&".join(f"{key}={value}" for key, value in {"u": "ann", "p": "secret", "v": "1.12.0", "c": "field", "f": "json", **parameters}.items())
    return asker.ask("GET", f"/rest/{method}.view?{query}")


def ids(text):
    return re.findall(r'"id":\s*"([0-9a-f-]{36})"', text)


asker.ask("POST", "/user/login", [("user", "ann"), ("password", "secret")])
for turn in range(10):
    for name in ("ping", "getLicense", "getMusicFolders", "getIndexes", "getArtists", "getGenres", "getStarred2", "getPlaylists", "getNowPlaying", "getUser&username=ann"):
        call(*name.split("&")[:1], **({"username": "ann"} if "&" in name else {}))
    for kind in ("random", "newest", "frequent", "recent", "alphabeticalByName", "alphabeticalByArtist"):
        albums = ids(call("getAlbumList2", type=kind, size=12))
        call("getAlbumList", type=kind, size=12)
    artists = ids(call("getArtists"))
    for artist in artists[:5]:
        call("getArtist", id=artist)
    songs = []
    for album in albums[:3]:
        songs += ids(call("getAlbum", id=album))
    call("search3", query=f"Track%20{turn}")
    call("search2", query=f"Album%20{turn}")
    for song in songs[1:4]:
        call("getSong", id=song)
        call("stream", id=song)
        call("star", id=song)
        call("scrobble", id=song)
        call("setRating", id=song, rating=4)
    if songs:
        call("createPlaylist", name=f"List{turn}", songId=songs[1])
    for page in ("/", "/user/me", "/folder", "/playlist", "/user"):
        asker.ask("GET", page)
