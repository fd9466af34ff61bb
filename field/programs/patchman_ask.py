"""A keeper of machines looks at hosts, packages, repositories, errata and CVEs, as pages and over REST; hosts send reports: patchman_ask.py URL"""

import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

host = Browser(sys.argv[1])
for number in range(6):
    packages = "%0A".join(f"'package{one}' '' '1.0' '1' 'amd64' 'deb'" for one in range(20))
    host.ask("/reports/upload/", f"host=host{number}.example.com&tags=web&kernel=6.1&arch=x86_64&os=System 0.0&protocol=1&packages={packages}".replace(" ", "%20").encode())
    for path in ("host", "package", "package-update", "repo", "mirror", "erratum", "cve", "os-variant", "os-release", "report", "host-repo"):
        host.get(f"/api/{path}/?page=1")
        host.get(f"/api/{path}/{number + 1}/")
pages = ["/", "/hosts/", "/packages/", "/packages/names/", "/repos/", "/repos/mirrors/", "/errata/", "/security/", "/security/cves/", "/os/", "/os/releases/", "/os/variants/", "/reports/", "/modules/", "/admin/hosts/host/", "/admin/packages/packageupdate/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/login/", "--rounds", "5", *pages], check=False)
