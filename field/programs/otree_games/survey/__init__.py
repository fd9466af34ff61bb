from otree.api import *

doc = "A short survey"


class C(BaseConstants):
    NAME_IN_URL = "survey"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    name = models.StringField(label="Your name")
    age = models.IntegerField(label="Your age", min=13, max=125)
    crt_bat = models.IntegerField(label="A bat and a ball cost 22 dollars in total. The bat costs 20 dollars more than the ball. How much does the ball cost?")


class Survey(Page):
    form_model = "player"
    form_fields = ["name", "age"]


class Reflection(Page):
    form_model = "player"
    form_fields = ["crt_bat"]


class Results(Page):
    pass


page_sequence = [Survey, Reflection, Results]
