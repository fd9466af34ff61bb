# The examples of Flask-AppBuilder lack modules in the source distribution; these are what they import. Then an administrator, and
# the first example's data (the other one's program for data does not work without a user, so that its client adds them).
for example in quickhowto crud_rest_api; do
  cat > $example/app/extensions.py <<'PY'
from flask_appbuilder import AppBuilder
from flask_appbuilder.utils.legacy import get_sqla_class

db = get_sqla_class()()
appbuilder = AppBuilder()
PY
  cat > $example/app/utils.py <<'PY'
from .extensions import db
from .models import Gender


def fill_gender():
    if not db.session.query(Gender).count():
        db.session.add_all([Gender(name="Male"), Gender(name="Female")])
        db.session.commit()
PY
  rm -f $example/app.db $example/instance/app.db
  if [ $example = crud_rest_api ]; then rm $example/app/utils.py; fi
  application=app:create_app
  if [ $example = crud_rest_api ]; then application=app:app; fi
  (cd $example && FLASK_APP=$application flask fab create-admin --username ann --firstname Ann --lastname Lee --email ann@example.com --password secret)
done
cd quickhowto && python testdata.py | tail -1
