"""For `django-admin shell`: a tree of 25 accounts and 150 transactions between them, and 20 lines of a bank's statement."""

import datetime
import random

from hordak.models import Account, Leg, StatementImport, StatementLine, Transaction
from moneyed import Money

drawn = random.Random(2)
leaves = {}
for kind, name in (("AS", "Assets"), ("LI", "Liabilities"), ("IN", "Income"), ("EX", "Expenses"), ("EQ", "Capital")):
    top = Account.objects.create(name=name, code=str(len(leaves) + 1), type=kind, currencies=["EUR"])
    leaves[kind] = [Account.objects.create(name=f"{name} {part}", code=str(part), parent=top, currencies=["EUR"], is_bank_account=kind == "AS" and part < 2) for part in range(4)]
bank = leaves["AS"][0]
for number in range(150):
    kind = drawn.choice(["IN", "EX"])
    amount, other = Money(drawn.randint(1, 300), "EUR"), drawn.choice(leaves[kind])
    if kind == "IN":
        other.transfer_to(bank, amount, description=f"Sale {number}", date=datetime.date(2026, 1, 1) + datetime.timedelta(days=number))
    else:
        bank.transfer_to(other, amount, description=f"Purchase {number}", date=datetime.date(2026, 1, 1) + datetime.timedelta(days=number))
statement = StatementImport.objects.create(bank_account=bank, source="csv")
for number in range(20):
    StatementLine.objects.create(statement_import=statement, date=datetime.date(2026, 6, number + 1), amount=10 + number, description=f"Line {number}")
