from datetime import timedelta

from django.contrib import admin
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django_q.models import Schedule
from django_q.tasks import Chain, async_iter, async_task, fetch, queue_size, result, schedule

from q2_shop.models import Customer, Order


@csrf_exempt
def register(request):
    customer = Customer.objects.create(name=request.POST["name"], email=request.POST["name"] + "@example.com")
    async_task("q2_shop.tasks.welcome_mail", customer.pk)
    schedule("q2_shop.tasks.follow_up_mail", customer.pk, schedule_type=Schedule.ONCE, next_run=timezone.now() + timedelta(seconds=20))
    return JsonResponse({"id": customer.pk})


@csrf_exempt
def orders(request):
    if request.method == "POST":
        order = Order.objects.create(customer_id=request.POST["customer"], dollars=float(request.POST["dollars"]))
        return JsonResponse({"id": order.pk, "task": async_task("q2_shop.tasks.convert", order.pk, group="orders")})
    found = Order.objects.select_related("customer").order_by("-pk")[:30]
    return JsonResponse({"orders": [{"id": it.pk, "customer": it.customer.name, "euros": it.euros} for it in found], "waiting": queue_size()})


def order(request, number):
    found = get_object_or_404(Order, pk=number)
    return JsonResponse({"id": found.pk, "euros": found.euros})


@csrf_exempt
def report(request):
    return JsonResponse({"task": async_task("q2_shop.tasks.report", hook="q2_shop.tasks.mail_report")})


@csrf_exempt
def news(request):
    emails = list(Customer.objects.order_by("pk").values_list("email", flat=True)[:25])
    return JsonResponse({"task": async_iter("q2_shop.tasks.news_mail", emails)})


@csrf_exempt
def evening(request):
    chain = Chain()
    chain.append("q2_shop.tasks.clean")
    chain.append("q2_shop.tasks.report")
    return JsonResponse({"task": chain.run()})


def task(request, id):
    found = fetch(id)
    return JsonResponse({"done": bool(found), "success": found and found.success, "result": str(result(id))})


urlpatterns = [path("admin/", admin.site.urls), path("customers", register), path("orders", orders), path("orders/<int:number>", order),
               path("reports", report), path("news", news), path("evening", evening), path("tasks/<str:id>", task)]
