"""Makes 120 short WAV files of twelve albums with tags: beets_music.py FOLDER"""

import pathlib
import sys
import wave

from mediafile import MediaFile

for album in range(12):
    folder = pathlib.Path(sys.argv[1]) / f"album{album}"
    folder.mkdir(parents=True)
    for track in range(10):
        path = folder / f"{track}.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(16000 + 200 * track))
        tags = MediaFile(str(path))
        tags.artist = tags.albumartist = f"Artist {album % 5}"
        tags.album, tags.title, tags.track, tags.year, tags.genre = f"Album {album}", f"Track {track}", track + 1, 1985 + 3 * album, ["rock", "jazz"][album % 2]
        tags.save()
