# The plain archive: its checksum, then unpacked and put on the path.
. /try/first_steps.sh
cd /try/packages
sha256sum --check --ignore-missing SHA256SUMS
mkdir /opt/kino
tar -xzf kino-[0-9]*.tar.gz -C /opt/kino --strip-components=1
PATH="/opt/kino/bin:$PATH"
first_steps
bash -n /opt/kino/share/bash-completion/completions/kino
