from django.contrib.auth.models import User
from django.urls import include, path
from tastypie import fields
from tastypie.api import Api
from tastypie.authentication import ApiKeyAuthentication, BasicAuthentication, MultiAuthentication
from tastypie.authorization import Authorization
from tastypie.constants import ALL, ALL_WITH_RELATIONS
from tastypie.resources import ModelResource
from tastypie.throttle import CacheThrottle

from .models import Comment, Entry


class UserResource(ModelResource):
    class Meta:
        queryset = User.objects.all()
        resource_name = "user"
        excludes = ["email", "password", "is_active", "is_staff", "is_superuser"]
        filtering = {"username": ALL}


class EntryResource(ModelResource):
    user = fields.ForeignKey(UserResource, "user")
    comments = fields.ToManyField("tastypie_blog.urls.CommentResource", "comments", full=True, null=True, full_list=False)

    class Meta:
        queryset = Entry.objects.all()
        resource_name = "entry"
        authorization = Authorization()
        authentication = MultiAuthentication(ApiKeyAuthentication(), BasicAuthentication())
        throttle = CacheThrottle(throttle_at=10000)
        filtering = {"user": ALL_WITH_RELATIONS, "pub_date": ["exact", "lt", "lte", "gte", "gt"], "title": ALL}
        ordering = ["pub_date", "title"]


class CommentResource(ModelResource):
    entry = fields.ForeignKey(EntryResource, "entry")

    class Meta:
        queryset = Comment.objects.all()
        resource_name = "comment"
        authorization = Authorization()
        authentication = ApiKeyAuthentication()
        filtering = {"entry": ALL_WITH_RELATIONS}


v1 = Api(api_name="v1")
for resource in (UserResource, EntryResource, CommentResource):
    v1.register(resource())
urlpatterns = [path("api/", include(v1.urls))]
