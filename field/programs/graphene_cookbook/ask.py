"""What the pages of a cookbook ask for: ask.py URL"""

import json
import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    with opener.open(urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"}), timeout=30) as answer:
        found = json.load(answer)
    if "errors" in found:
        print(found["errors"])
    return found["data"]


def nodes(connection):
    return [edge["node"] for edge in connection["edges"]]


for number in range(12):
    categories = nodes(ask("query Categories { allCategories { edges { node { id name } } } }")["allCategories"])
    ask("query Overview { allCategories { edges { node { name ingredients(first: 5) { edges { node { name } } } } } } }")
    category = categories[number % 10]
    page = ask("query Category($id: ID!) { category(id: $id) { name ingredients { edges { node { id name notes } } } } }", id=category["id"])
    ask("query ByName($name: String!) { categoryByName(name: $name) { id name } }", name=category["name"])
    ask("query Ingredients { ingredientsList { id name category { name } } }")
    first = ask("query Page($after: String) { allIngredients(first: 20, after: $after) { pageInfo { endCursor hasNextPage } edges { node { id name category { id name } } } } }")
    ask("query Page($after: String) { allIngredients(first: 20, after: $after) { pageInfo { endCursor hasNextPage } edges { node { id name category { id name } } } } }",
        after=first["allIngredients"]["pageInfo"]["endCursor"])
    ask("query Search($text: String!, $category: String) { allIngredients(name_Icontains: $text, category_Name: $category) { edges { node { name } } } }", text=str(number), category=category["name"])
    ingredient = nodes(page["category"]["ingredients"])[number % 8]
    ask("query Ingredient($id: ID!) { ingredient(id: $id) { name notes category { name } usedBy { edges { node { quantity recipe { title } } } } } }", id=ingredient["id"])
    recipes = nodes(ask("query Recipes { allRecipes(first: 10) { edges { node { id title amounts { edges { node { quantity unit ingredient { name } } } } } } } }")["allRecipes"])
    ask("query Titles($text: String!) { allRecipes(title_Icontains: $text) { edges { node { id title } } } }", text=str(number))
    for recipe in recipes[number % 4:number % 4 + 3]:
        ask("query Recipe($id: ID!) { recipe(id: $id) { title instructions amounts { edges { node { quantity unit ingredient { name category { name } } } } } } }", id=recipe["id"])
    ask("mutation New($input: CreateIngredientInput!) { createIngredient(input: $input) { ingredient { id name category { name } } } }",
        input={"name": f"New {number}", "notes": "just bought", "category": category["id"]})
    ask("mutation Rename($id: ID!, $title: String!) { renameRecipe(id: $id, title: $title) { recipe { id title } } }", id=recipes[number % 10]["id"], title=f"Better recipe {number}")
print("asked")
