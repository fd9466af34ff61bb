"""Two studies of 80 trials: optuna_studies.py STORAGE"""

import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
for number in range(2):
    study = optuna.create_study(storage=sys.argv[1], study_name=f"study{number}")

    def objective(trial):
        value = trial.suggest_float("x", -5, 5) ** 2 + trial.suggest_int("y", 0, 9) + {"a": 0, "b": 1}[trial.suggest_categorical("kind", ["a", "b"])]
        for step in range(3):
            trial.report(value + 3 - step, step)
        return value

    study.optimize(objective, n_trials=80)
