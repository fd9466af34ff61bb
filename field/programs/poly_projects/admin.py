from django.contrib import admin
from polymorphic.admin import PolymorphicChildModelAdmin, PolymorphicChildModelFilter, PolymorphicInlineSupportMixin, PolymorphicParentModelAdmin, StackedPolymorphicInline

from .models import ArtProject, Deadline, FieldProject, Project, ResearchProject, Task, Visit


class TaskInline(StackedPolymorphicInline):
    class DeadlineInline(StackedPolymorphicInline.Child):
        model = Deadline

    class VisitInline(StackedPolymorphicInline.Child):
        model = Visit

    model, child_inlines = Task, [DeadlineInline, VisitInline]


@admin.register(ArtProject, ResearchProject, FieldProject)
class ChildAdmin(PolymorphicInlineSupportMixin, PolymorphicChildModelAdmin):
    base_model, inlines = Project, [TaskInline]


@admin.register(Project)
class ProjectAdmin(PolymorphicParentModelAdmin):
    base_model, child_models = Project, [ArtProject, ResearchProject, FieldProject]
    list_display, list_filter, polymorphic_list = ["topic", "owner", "polymorphic_ctype"], [PolymorphicChildModelFilter], True


@admin.register(Task)
class TaskAdmin(PolymorphicParentModelAdmin):
    base_model, child_models, list_display = Task, [Deadline, Visit], ["title", "project"]


@admin.register(Deadline, Visit)
class TaskChildAdmin(PolymorphicChildModelAdmin):
    base_model = Task
