# The Debian package: installed with its dependencies checked, used, verified and removed.
. /try/first_steps.sh
dpkg --install /try/packages/kinescope_*.deb
dpkg --verify kinescope
first_steps
bash -n /usr/share/bash-completion/completions/kino
dpkg --remove kinescope
test ! -e /usr/bin/kino
