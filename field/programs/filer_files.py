"""For `django-admin shell`: folders in folders with 120 images and papers of three people, and who may see them."""

import io

from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from filer.models import File, Folder, FolderPermission, Image
from PIL import Image as Picture

people = [User.objects.create_superuser("ann", "ann@example.com", "secret")]
people += [User.objects.create_user(name, f"{name}@example.com", "secret", is_staff=True) for name in ("ben", "cleo")]
for person in people[1:]:
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="filer"))
for year in range(4):
    top = Folder.objects.create(name=f"Year {2020 + year}", owner=people[year % 3])
    FolderPermission.objects.create(folder=top, type=FolderPermission.CHILDREN, everybody=True,
                                    can_read=FolderPermission.ALLOW, can_add_children=FolderPermission.ALLOW)
    for month in range(6):
        folder = Folder.objects.create(name=f"Month {month}", parent=top, owner=people[month % 3])
        for number in range(4):
            data = io.BytesIO()
            Picture.new("RGB", (400, 300), (60 * year, 40 * month, 50 * number)).save(data, "JPEG")
            Image.objects.create(original_filename=f"picture-{year}-{month}-{number}.jpg", owner=people[number % 3], folder=folder,
                                 file=ContentFile(data.getvalue(), f"picture-{year}-{month}-{number}.jpg"))
        File.objects.create(original_filename=f"paper-{year}-{month}.txt", owner=people[1], folder=folder, file=ContentFile(b"Text", f"paper-{year}-{month}.txt"))
