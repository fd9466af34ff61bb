# The wheel: pip into a fresh environment, without any index; then uv's one-off run, where a wheel of uv is given.
. /try/first_steps.sh
python3 -m venv /venv
/venv/bin/pip install --no-index --quiet --disable-pip-version-check /try/packages/kinescope_cli-*.whl
/venv/bin/pip check
(PATH="/venv/bin:$PATH" && first_steps && kinescope-cli --version)
/venv/bin/pip uninstall --yes --quiet kinescope-cli
test ! -e /venv/bin/kino
if ls /try/uv/*.whl >/dev/null 2>&1; then
    python3 -m venv /uv
    /uv/bin/pip install --no-index --quiet --disable-pip-version-check /try/uv/*.whl
    /uv/bin/uvx --offline --from /try/packages/kinescope_cli-*.whl kino --version
    /uv/bin/uvx --offline --from /try/packages/kinescope_cli-*.whl kinescope-cli --version
else
    echo "not tried: uvx, for there is no wheel of uv"
fi
