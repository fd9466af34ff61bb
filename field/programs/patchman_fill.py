"""For `django-admin shell`: 40 hosts of three systems with 60 packages each, their repositories, updates, errata and CVEs."""

import random

from arch.models import MachineArchitecture, PackageArchitecture
from django.utils import timezone
from domains.models import Domain
from errata.models import Erratum
from hosts.models import Host, HostRepo
from operatingsystems.models import OSRelease, OSVariant
from packages.models import Package, PackageName, PackageUpdate
from repos.models import Mirror, MirrorPackage, Repository
from security.models import CVE, CVSS, CWE

drawn = random.Random(3)
machine, binary = MachineArchitecture.objects.create(name="x86_64"), PackageArchitecture.objects.create(name="amd64")
domains = [Domain.objects.create(name=name) for name in ("example.com", "example.net")]
repos = [Repository.objects.create(name=f"repo {number}", arch=machine, security=number % 3 == 0, repotype="D") for number in range(9)]
variants = []
for number in range(3):
    release = OSRelease.objects.create(name=f"System {number}", codename=f"code{number}", cpe_name=f"cpe:/o:{number}")
    release.repos.add(*repos[number * 3:number * 3 + 3])
    variants += [OSVariant.objects.create(name=f"System {number}.{part}", arch=machine, osrelease=release) for part in range(2)]
old, new = [], []
for number in range(100):
    name = PackageName.objects.create(name=f"package{number}")
    old.append(Package.objects.create(name=name, epoch="", version="1.0", release="1", arch=binary, packagetype="D"))
    new.append(Package.objects.create(name=name, epoch="", version="1.1", release="1", arch=binary, packagetype="D"))
for number, repo in enumerate(repos):
    mirror = Mirror.objects.create(repo=repo, url=f"http://127.0.0.1:1/repo{number}", last_access_ok=True)
    MirrorPackage.objects.bulk_create(MirrorPackage(mirror=mirror, package=package) for package in drawn.sample(old + new, 80))
updates = [PackageUpdate.objects.create(oldpackage=old[number], newpackage=new[number], security=number % 4 == 0) for number in range(60)]
weaknesses = [CWE.objects.create(cwe_id=f"CWE-{number + 20}", name=f"Weakness {number}") for number in range(6)]
errata = []
for number in range(30):
    cve = CVE.objects.create(cve_id=f"CVE-2026-{1000 + number}", description="What can happen.", published_date=timezone.now())
    cve.cwes.add(drawn.choice(weaknesses))
    cve.cvss_scores.add(CVSS.objects.create(score=5 + number % 5, version=3, severity="High"))
    erratum = Erratum.objects.create(name=f"ERR-{number}", e_type="security", issue_date=timezone.now(), synopsis="What is mended.")
    erratum.cves.add(cve)
    erratum.affected_packages.add(*drawn.sample(old, 3))
    erratum.fixed_packages.add(*drawn.sample(new, 3))
    erratum.osreleases.add(*OSRelease.objects.all())
    errata.append(erratum)
for number in range(40):
    host = Host.objects.create(
        hostname=f"host{number}.example.com", ipaddress=f"127.0.1.{number + 1}", reversedns="", osvariant=drawn.choice(variants), kernel="6.1", arch=machine,
        domain=drawn.choice(domains), lastreport=timezone.now())
    host.packages.add(*drawn.sample(old, 60))
    host.updates.add(*drawn.sample(updates, 15))
    host.errata.add(*drawn.sample(errata, 5))
    host.tags.add(drawn.choice(["web", "mail", "files"]))
    HostRepo.objects.bulk_create(HostRepo(host=host, repo=repo) for repo in drawn.sample(repos, 3))
