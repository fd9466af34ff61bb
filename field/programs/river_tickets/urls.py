from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from river.models import State

from .models import Ticket


@login_required
def mine(request):
    """The tickets that wait for this person, as the README has it."""
    waiting = Ticket.river.status.get_on_approval_objects(as_user=request.user).select_related("status", "reporter").order_by("id")
    return JsonResponse({"tickets": [{"id": one.pk, "subject": one.subject, "status": one.status.label, "reporter": one.reporter.username} for one in waiting[:20]]})


@csrf_exempt
@login_required
def tickets(request):
    ticket = Ticket.objects.create(no=request.POST["no"], subject=request.POST["subject"], description="What is wrong.", reporter=request.user)
    return JsonResponse({"id": ticket.pk, "status": ticket.status.label})


@login_required
def ticket(request, number):
    """A ticket with what may be done next and what was done."""
    found = get_object_or_404(Ticket.objects.select_related("status", "reporter"), pk=number)
    possible = found.river.status.get_available_approvals(as_user=request.user)
    done = found.river.status.recent_approval
    return JsonResponse({
        "subject": found.subject, "status": found.status.label,
        "next": [{"id": one.transition.destination_state_id, "label": one.transition.destination_state.label} for one in possible],
        "last": str(done.transition.destination_state.label) if done else None,
    })


@csrf_exempt
@login_required
def approve(request, number):
    found = get_object_or_404(Ticket, pk=number)
    state = get_object_or_404(State, pk=request.POST["state"])
    found.river.status.approve(as_user=request.user, next_state=state)
    return JsonResponse({"status": found.status.label})


urlpatterns = [
    path("admin/", admin.site.urls), path("mine/", mine), path("tickets/", tickets), path("tickets/<int:number>/", ticket), path("tickets/<int:number>/approve/", approve),
]
