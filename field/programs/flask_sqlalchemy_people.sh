# flask_sqlalchemy_people.sh URL: ninety people sign up, some are looked for by name, some leave.
for number in $(seq 90); do
  curl -s -L -o /dev/null -d "username=person$number&email=person$number@example.com" "$1/users/create"
  [ $((number % 3)) = 0 ] && curl -s -o /dev/null "$1/users/by-username/person$((number / 2))"
  [ $((number % 10)) = 0 ] && curl -s -o /dev/null "$1/users"
  [ $((number % 15)) = 0 ] && curl -s -L -o /dev/null -d '' "$1/user/$((number - 4))/delete"
done
curl -s -o /dev/null "$1/users/by-username/nobody"
