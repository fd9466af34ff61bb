# The npm package: installed for everyone, then run once by npx; both without a registry.
. /try/first_steps.sh
npm install --global --offline --no-audit --no-fund /try/packages/kinescope-cli-*.tgz
first_steps
npm uninstall --global --offline --no-audit --no-fund kinescope-cli
test ! -e "$(npm prefix --global)/bin/kino"
mkdir /project && cd /project
for name in kino kinescope-cli; do
    npx --offline --yes --package "$(echo /try/packages/kinescope-cli-*.tgz)" "$name" --version
done
