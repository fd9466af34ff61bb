from django.contrib import admin

from .models import Reply, Topic

admin.site.register([Topic, Reply])
