"""Records programs whose cause of trouble is known, and counts what `kino diagnose` needs to name it.

```text
 programs/NAME ── record: a project of its own, `kino serve`, scenes ──► NAME/home ── report: questions ──► a table
```

Owns how programs are run and how an answer is judged; never says a cause itself.
"""
