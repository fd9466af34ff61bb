from app import app


def test_all_orders():
    assert len(app.test_client().get("/orders").json) == 30


def test_an_order_that_is_not_there():
    assert app.test_client().get("/orders/99").status_code == 404
