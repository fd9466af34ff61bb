"""A suite of unittest with each way in which a test can end."""

import asyncio
import sqlite3
import unittest


class Plain(unittest.TestCase):
    def setUp(self):
        self.database = sqlite3.connect(":memory:")

    def test_good(self):
        self.database.execute("select 1")

    def test_bad(self):
        self.assertEqual(1, 2)

    def test_worse(self):
        raise KeyError("x")

    def test_parts(self):
        for number in range(2):
            with self.subTest(number=number):
                self.assertEqual(number, 1)

    @unittest.expectedFailure
    def test_expected(self):
        self.fail("as expected")

    @unittest.expectedFailure
    def test_unexpected(self):
        pass

    def test_skipped(self):
        self.skipTest("not today")


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_waits(self):
        await asyncio.sleep(0)
        sqlite3.connect(":memory:").execute("select 2")


if __name__ == "__main__":
    unittest.main()
