# Queries of the cookbook example's README, and its lists.
ask() { curl -s -o /dev/null -H 'Content-Type: application/json' -d "{\"query\": \"$2\"}" "$1"; }
for round in 1 2 3 4 5 6 7 8 9 10; do
  ask "$1" "query { allIngredients { edges { node { id name } } } }"
  ask "$1" "query { allIngredients { edges { node { name category { name } } } } }"
  ask "$1" "query { allCategories { edges { node { name ingredients { edges { node { name } } } } } } }"
  ask "$1" "query { allIngredients(name_Icontains: \\\"e\\\", category_Name: \\\"Meat\\\") { edges { node { name } } } }"
done
