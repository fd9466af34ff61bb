"""The shop's own tests, with each way in which a test can end. They are run by a test, not collected."""

import time
import unittest

import pytest
import shop


@pytest.fixture
def client():
    shop.app.testing = True
    return shop.app.test_client()


@pytest.fixture
def unusable():
    raise RuntimeError("no fixture")


def test_found(client):
    assert client.get("/orders/1").status_code == 200


def test_wrong(client):
    assert client == client.get("/orders/2").status_code


def test_unusable(unusable):
    pass


@pytest.mark.skip(reason="not today")
def test_skipped():
    pass


@pytest.mark.xfail
def test_expected():
    assert False


@pytest.mark.xfail(strict=True)
def test_unexpected():
    pass


@pytest.mark.parametrize("order", [1, "a::b"])
def test_each(client, order):
    assert client.get(f"/orders/{order}").status_code in (200, 404)


@pytest.mark.timeout(0.5)
def test_slow():
    time.sleep(20)


class TestClass:
    def test_method(self, client):
        client.get("/broken")


class TestOld(unittest.TestCase):
    def test_parts(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertEqual(number, 1)
