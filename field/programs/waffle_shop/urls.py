"""The shop's pages: what is behind a flag is asked for in views, by decorators, by a mixin and in templates, as the documentation shows."""

from django.contrib import admin
from django.contrib.auth import views
from django.contrib.auth.decorators import login_required
from django.db.models import Avg, Count
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import include, path
from django.views.generic import ListView
from waffle import flag_is_active, sample_is_active, switch_is_active
from waffle.decorators import waffle_flag, waffle_switch
from waffle.mixins import WaffleFlagMixin

from waffle_shop.models import Product, Review


def home(request):
    products = Product.objects.order_by("-price" if flag_is_active(request, "dear_first") else "name")[:30]
    return render(request, "home.html", {"products": products, "surveyed": sample_is_active("survey")})


def product(request, number):
    one = get_object_or_404(Product, pk=number)
    reviews = one.reviews.all() if switch_is_active("reviews") else []
    if request.method == "POST" and switch_is_active("reviews"):
        Review.objects.create(product=one, words=request.POST["words"])
    similar = Product.objects.filter(price__range=(one.price - 5, one.price + 5))[:5] if flag_is_active(request, "similar") else []
    return render(request, "product.html", {"product": one, "reviews": reviews, "similar": similar})


@waffle_flag("wish_list", "home")
@login_required
def wishes(request):
    return render(request, "home.html", {"products": Product.objects.filter(pk__lt=request.user.pk * 3)[:10]})


@waffle_switch("statistics")
def statistics(request):
    return JsonResponse(Product.objects.aggregate(Avg("price"), Count("id")))


class Search(WaffleFlagMixin, ListView):
    waffle_flag = "new_search"
    template_name = "home.html"
    context_object_name = "products"

    def get_queryset(self):
        return Product.objects.filter(name__icontains=self.request.GET.get("q", ""))[:20]


urlpatterns = [
    path("", home, name="home"), path("products/<int:number>", product, name="product"), path("wishes", wishes), path("statistics", statistics),
    path("search", Search.as_view(), name="search"), path("login", views.LoginView.as_view(template_name="login.html")),
    path("features/", include("waffle.urls")), path("admin/", admin.site.urls),
]
