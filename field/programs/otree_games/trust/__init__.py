from otree.api import *

doc = "One sends, what is sent is tripled, the other sends back"


class C(BaseConstants):
    NAME_IN_URL = "trust"
    PLAYERS_PER_GROUP = 2
    NUM_ROUNDS = 2
    ENDOWMENT = cu(10)
    MULTIPLICATION_FACTOR = 3


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    sent_amount = models.CurrencyField(label="How much do you want to send?")
    sent_back_amount = models.CurrencyField(label="How much do you want to send back?")


class Player(BasePlayer):
    pass


def sent_amount_choices(group):
    return currency_range(0, C.ENDOWMENT, 1)


def sent_back_amount_choices(group):
    return currency_range(0, group.sent_amount * C.MULTIPLICATION_FACTOR, 1)


def set_payoffs(group):
    one, two = group.get_player_by_id(1), group.get_player_by_id(2)
    one.payoff = C.ENDOWMENT - group.sent_amount + group.sent_back_amount
    two.payoff = group.sent_amount * C.MULTIPLICATION_FACTOR - group.sent_back_amount


class Send(Page):
    form_model = "group"
    form_fields = ["sent_amount"]

    @staticmethod
    def is_displayed(player):
        return player.id_in_group == 1


class WaitForP1(WaitPage):
    pass


class SendBack(Page):
    form_model = "group"
    form_fields = ["sent_back_amount"]

    @staticmethod
    def is_displayed(player):
        return player.id_in_group == 2

    @staticmethod
    def vars_for_template(player):
        return dict(tripled_amount=player.group.sent_amount * C.MULTIPLICATION_FACTOR)


class ResultsWaitPage(WaitPage):
    after_all_players_arrive = set_payoffs


class Results(Page):
    pass


page_sequence = [Send, WaitForP1, SendBack, ResultsWaitPage, Results]
