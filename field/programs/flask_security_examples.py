"""Small changes to Flask-Security's examples, run in their folder: their ports, no reloader, no questions to the DNS, no mail
server, and what the unified sign-in and its client leave out that the release requires (a phone belongs to one person, too).
"""

import pathlib


def change(path, *pairs):
    text = pathlib.Path(path).read_text()
    for old, new in pairs:
        if new not in text:
            text = text.replace(old, new)
    pathlib.Path(path).write_text(text)


offline = '    app.config["SECURITY_EMAIL_VALIDATOR_ARGS"] = {"check_deliverability": False}\n'
start = '    app.config["DEBUG"] = True\n'
change("fsqlalchemy1/app.py", ("port=5003)", "port=21031, use_reloader=False)"), (start, start + offline + '    app.config["SECURITY_SEND_REGISTER_EMAIL"] = False\n'))
change("unified_signin/server/app.py", ("port=5002)", "port=21030, use_reloader=False)"), (start, start + offline + '    app.config["SECURITY_TOTP_ISSUER"] = "example"\n'))
change("unified_signin/client/client.py", (":5002", ":21030"), ('"password": password}', '"password": password, "password_confirm": password}'),
       ('"+16505551212"', 'f"+1650253{random.randint(1000, 9999)}"'))
