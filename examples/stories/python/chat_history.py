"""Answers a customer's questions with a language model, one after another in a conversation.

Fault:  every question is sent with everything that was said before.
Repair: `--fixed` sends what is known of the customer and the last exchange.
"""

import sys

import model
from traced import note, traced

CONVERSATIONS, QUESTIONS = 6, 8
SYSTEM = "You help customers of a shop for lamps. Be brief, be kind, and never promise a delivery date. " * 4
QUESTION = "My lamp flickers since yesterday. I have changed the bulb twice, and it still does. What now? " * 3


@traced("conversation.answer")
def answer_conversation(address, number, fixed):
    note(gen_ai__conversation__id=f"conversation-{number}")
    history = []
    for question in range(QUESTIONS):
        asked = {"role": "user", "content": f"{question + 1}. {QUESTION}"}
        said_before = history[-2:] if fixed else history
        text = model.chat(address, [{"role": "system", "content": SYSTEM}, *said_before, asked])
        history += [asked, {"role": "assistant", "content": text}]
    return len(history) // 2


def main():
    address = model.serve()
    for number in range(CONVERSATIONS):
        print(f"conversation {number + 1}: {answer_conversation(address, number, fixed='--fixed' in sys.argv)} answers")


main()
