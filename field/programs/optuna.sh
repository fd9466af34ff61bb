# A study in two processes, then the command line over it.
store=sqlite:///study.db
rm -f study.db
for part in 1 2; do opentelemetry-instrument python "$PROGRAMS/optuna_study.py" $store 20; done
run() { opentelemetry-instrument optuna "$@" --storage $store >/dev/null; }
run studies; run trials --study-name quadratic; run best-trial --study-name quadratic; run study-names
for step in 1 2 3 4 5; do
  run ask --study-name quadratic --search-space '{"x": {"name": "FloatDistribution", "attributes": {"low": -10, "high": 10, "step": null, "log": false}}}'
  run tell --study-name quadratic --trial-number $((39 + step)) --values $step
done
