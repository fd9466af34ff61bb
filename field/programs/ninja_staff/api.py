"""The API of Django Ninja's tutorial, as its pages have it: employees created, read, changed and deleted, filters, pages, nested answers, tokens."""

from datetime import date
from typing import List, Optional

from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import Field, FilterSchema, ModelSchema, NinjaAPI, Query, Router, Schema
from ninja.pagination import LimitOffsetPagination, PageNumberPagination, paginate
from ninja.security import HttpBearer

from .models import Department, Employee, Skill, Task


class AuthBearer(HttpBearer):
    def authenticate(self, request, token):
        return token if token == "supersecret" else None


class EmployeeIn(Schema):
    first_name: str
    last_name: str
    department_id: Optional[int] = None
    birthdate: Optional[date] = None


class EmployeeOut(EmployeeIn):
    id: int


class EmployeeFilter(FilterSchema):
    department_id: Optional[int] = None
    last_name: Optional[str] = None


class DepartmentOut(ModelSchema):
    class Meta:
        model = Department
        fields = ["id", "title"]


class SkillOut(ModelSchema):
    class Meta:
        model = Skill
        fields = ["id", "name"]


class StaffOut(ModelSchema):
    department: DepartmentOut
    skills: List[SkillOut]

    class Meta:
        model = Employee
        fields = ["id", "first_name", "last_name", "birthdate"]


class UserSchema(Schema):
    id: int
    first_name: str
    last_name: str


class TaskSchema(Schema):
    id: int
    title: str
    is_completed: bool
    owner: Optional[UserSchema] = None
    owner_first_name: Optional[str] = Field(None, alias="owner.first_name")


api = NinjaAPI(title="Staff")
router = Router(auth=AuthBearer())


@api.post("/employees")
def create_employee(request, payload: EmployeeIn):
    employee = Employee.objects.create(**payload.dict())
    return {"id": employee.id}


@api.get("/employees/{employee_id}", response=EmployeeOut)
def get_employee(request, employee_id: int):
    return get_object_or_404(Employee, id=employee_id)


@api.get("/employees", response=List[EmployeeOut])
def list_employees(request, filters: Query[EmployeeFilter]):
    return filters.filter(Employee.objects.all())


@api.put("/employees/{employee_id}")
def update_employee(request, employee_id: int, payload: EmployeeIn):
    employee = get_object_or_404(Employee, id=employee_id)
    for attr, value in payload.dict().items():
        setattr(employee, attr, value)
    employee.save()
    return {"success": True}


@api.delete("/employees/{employee_id}")
def delete_employee(request, employee_id: int):
    employee = get_object_or_404(Employee, id=employee_id)
    employee.delete()
    return {"success": True}


@api.get("/staff", response=List[StaffOut])
@paginate(LimitOffsetPagination)
def list_staff(request):
    return Employee.objects.select_related("department").prefetch_related("skills").order_by("id")


@api.get("/departments", response=List[DepartmentOut])
@paginate(PageNumberPagination, page_size=20)
def list_departments(request):
    return Department.objects.order_by("title")


@router.get("/tasks", response=List[TaskSchema])
def tasks(request):
    return Task.objects.select_related("owner")


@router.patch("/tasks/{task_id}", response=TaskSchema)
def complete(request, task_id: int):
    task = get_object_or_404(Task, id=task_id)
    task.is_completed = True
    task.save()
    return task


api.add_router("/todo", router)
urlpatterns = [path("api/", api.urls)]
