"""Players of Evennia's tutorial world over telnet: `build` has the superuser make the world, `play` has seven people in it at once."""

import random
import re
import socket
import sys
import threading
import time

COLOUR = re.compile(r"\x1b\[[0-9;]*m|\xff[\xfa-\xff].?")
TALK = ["Hello!", "Where does this lead?", "It is cold here.", "Has anyone seen the sword?", "Follow me.", "I am lost."]
TOPICS = ["look", "get", "say", "channels", "page", "home", "inventory", "emote", "who"]


class Player:
    def __init__(self, name):
        self.name, self.drawn = name, random.Random(name)
        self.line = socket.create_connection(("127.0.0.1", 23000))
        self.line.settimeout(0.2)
        self.read(2)
        self.say(f"connect {name} secret-words1", 3)

    def read(self, seconds):
        """What came within these seconds."""
        text, until = b"", time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                came = self.line.recv(65536)
            except TimeoutError:
                continue
            if not came:
                break
            text += came
        return COLOUR.sub("", text.decode("latin1"))

    def say(self, command, seconds=0.8):
        self.line.sendall(command.encode() + b"\r\n")
        return self.read(seconds)

    def wander(self, seconds):
        """Goes through an exit that the room names, looks at what is there, and now and then talks or asks for help."""
        until, drawn, rooms = time.monotonic() + seconds, self.drawn, set()
        self.say("tutorial")
        self.say("begin")
        while time.monotonic() < until:
            room = self.say("look")
            rooms.add(room.strip().partition("\r\n")[0])
            things = re.search(r"(?:You see|Things|Characters):? ([^\r\n]*)", room)
            if things:
                thing = drawn.choice(re.split(r", | and ", things[1])).removeprefix("a ").removeprefix("an ").strip()
                self.say(f"look {thing}")
                self.say(drawn.choice(["get {}", "read {}", "attack {}", "look {}"]).format(thing))
            what = drawn.randrange(8)
            if what == 0:
                self.say(f"say {drawn.choice(TALK)}")
            elif what == 1:
                self.say(f"public {drawn.choice(TALK)}")
            elif what == 2:
                self.say(f"help {drawn.choice(TOPICS)}")
            elif what == 3:
                self.say("inventory")
            elif what == 4:
                self.say("who")
            elif what == 5:
                self.say("emote looks around.")
            elif what == 6:
                self.say(f"page {drawn.choice(('ben', 'cleo', 'dan', 'eve'))} = {drawn.choice(TALK)}")
            exits = re.search(r"Exits: ([^\r\n]*)", room)
            if exits:
                self.say(drawn.choice(re.split(r", | and |,", exits[1])).strip(), 1.5)
            else:
                self.say(drawn.choice(["feel around", "light", "east", "down"]), 1.5)
        print(self.name, "saw", len(rooms), "rooms:", sorted(rooms))
        self.say("quit", 1)

    def build(self):
        """A builder adds a street with houses and things to the world, and looks after it."""
        for number in range(8):
            self.say(f"dig/tel House {number} = house{number};h{number}, out;o")
            self.say(f"desc here = A small house with the number {number}.")
            self.say(f"create/drop chair {number};chair")
            self.say(f"set chair {number}/colour = 'red'")
            self.say(f"lock chair {number} = get:perm(Builder)")
            self.say("examine here")
            self.say("out")
        for command in ("find House", "objects", "channels", "accounts", "scripts", "tag/search firstbuild", "access", "server", "about"):
            self.say(command, 1.5)
        self.say("quit", 1)


if sys.argv[1] == "build":
    superuser = Player("ann")
    print(superuser.say("batchcommand tutorial_world.build", 30)[-200:])
    superuser.say("quit")
else:
    players = [Player(name) for name in ("ben", "cleo", "dan", "eve", "finn", "gus")]
    threads = [threading.Thread(target=player.wander, args=(90,)) for player in players]
    threads.append(threading.Thread(target=Player("ann").build))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
