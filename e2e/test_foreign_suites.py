"""Three test suites that others wrote, from PyPI and npm, bare and by `kino run`: same results, same output.

`foreign_suites.py` runs all of them.
"""

import pytest
from foreign_suites import compare


@pytest.mark.parametrize("name", ["flask", "requests-mock", "@fastify/express"])
def test_a_foreign_suite_has_the_same_results_and_output(own_engine, name):
    row, unlike = compare(name, own_engine)
    assert unlike == []
    passed, spans = int(row[1].split()[0]), int(row[3].replace(",", ""))
    assert passed > 20 and spans >= passed, row
