"""The first steps of Optuna's tutorial, with a study in SQLite that goes on in a second process and is looked at."""

import sys

import optuna


def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    kind = trial.suggest_categorical("kind", ["square", "cube"])
    for step in range(5):
        trial.report((x - 2) ** 2 / (step + 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned()
    trial.set_user_attr("kind", kind)
    return (x - 2) ** 2


study = optuna.create_study(storage=sys.argv[1], study_name="quadratic", load_if_exists=True, pruner=optuna.pruners.MedianPruner())
study.optimize(objective, n_trials=int(sys.argv[2]))
print(study.best_params, study.best_value, len(study.trials), len(study.trials_dataframe()))
