"""A person's look through accounts in Fava: its pages, and the API that they ask. fava_day.py URL"""

import re
import sys
import urllib.parse
import urllib.request

from any_day import Asker

asker = Asker(sys.argv[1])
with urllib.request.urlopen(sys.argv[1]) as answer:
    ledger = urllib.parse.urlsplit(answer.geturl()).path.strip("/").split("/")[0]
base = f"/{ledger}"
for year in range(2013, 2027):
    time = f"time={year}"
    for page in ("income_statement", "balance_sheet", "trial_balance", "journal", "holdings", "statistics", "query", "errors", "documents", "events", "commodities"):
        asker.ask("GET", f"{base}/{page}/?{time}")
    for page in ("income_statement", "balance_sheet", "trial_balance", "journal", "changed", "errors", "commodities", "events", "documents", "statistics", "options", "ledger_data"):
        asker.ask("GET", f"{base}/api/{page}?{time}")
    for account in ("Assets:US", "Expenses:Food", "Income:US", "Expenses:Home:Rent"):
        for report in ("journal", "balances", "changes"):
            asker.ask("GET", f"{base}/api/account_report?{time}&a={account}&r={report}")
    query = urllib.parse.quote("SELECT account, sum(position) GROUP BY account ORDER BY account")
    asker.ask("GET", f"{base}/api/query?{time}&query_string={query}")
    asker.ask("GET", f"{base}/download-journal/?{time}")
