"""The tasks of the examples in Django Q2's documentation (mails, reports, signals), for the shop."""

import os

import requests
from django.db.models import Count, Sum

from q2_shop.models import Customer, Mail, Order, Report


def welcome_mail(customer_id):
    customer = Customer.objects.get(pk=customer_id)
    Mail.objects.create(receiver=customer.email, subject=f"Welcome {customer.name}")
    customer.welcomed = True
    customer.save(update_fields=["welcomed"])


def follow_up_mail(customer_id):
    customer = Customer.objects.get(pk=customer_id)
    Mail.objects.create(receiver=customer.email, subject=f"How do you like it, {customer.name}?")


def convert(order_id):
    order = Order.objects.get(pk=order_id)
    rate = requests.get(os.environ["PAGES_URL"] + "/rate.json", timeout=10).json()["rate"]
    order.euros = order.dollars * rate
    order.save()
    return order.euros


def news_mail(email):
    Mail.objects.create(receiver=email, subject="News")
    return email


def report():
    lines = [f"{row['customer__name']}: {row['amount']} orders, {row['sum']}" for row in
             Order.objects.values("customer__name").annotate(amount=Count("id"), sum=Sum("dollars")).order_by("-sum")[:20]]
    return Report.objects.create(text="\n".join(lines)).pk


def mail_report(task):
    """The hook of `report`."""
    if task.success:
        Mail.objects.create(receiver="boss@example.com", subject=f"Report {task.result}")


def clean():
    newest = Mail.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return Mail.objects.filter(pk__lt=newest - 500).delete()[0]
