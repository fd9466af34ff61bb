"""What the pages of a company's directory ask for over GraphQL: lists, pages, a department with its people, one person, new and changed ones."""

import json
import random
import sys
import urllib.request

drawn = random.Random(6)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    with opener.open(urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"}), timeout=60) as answer:
        result = json.loads(answer.read())
    if result["errors"]:
        print(query[:60], result["errors"][:2])
    return result["data"]


for person in range(15):
    ask("query Menu { allDepartments { edges { node { id name } } } allRoles { edges { node { id name } } } }")
    after = ""
    for _ in range(3):
        page = ask("query People($after: String) { allEmployees(first: 20, after: $after, sort: [NAME_ASC]) { pageInfo { endCursor hasNextPage } "
                   "edges { node { id name hiredOn department { name } role { name } } } } }", after=after)["allEmployees"]
        after = page["pageInfo"]["endCursor"]
        for edge in drawn.sample(page["edges"], 2):
            ask("query Person($id: ID!) { node(id: $id) { ... on EmployeeNode { id name hiredOn department { id name } role { name } } } }", id=edge["node"]["id"])
    if person % 3 == 0:
        ask("query Chart { allDepartments { edges { node { name employees { edges { node { name role { name } } } } } } } }")
    department = ask("query One { allDepartments(first: 1) { edges { node { id } } } }")["allDepartments"]["edges"][0]["node"]["id"]
    ask("query Department($id: ID!) { node(id: $id) { ... on DepartmentNode { name employees(first: 10) { edges { node { name role { name } } } } } } }", id=department)
    if person % 2 == 0:
        made = ask("mutation Hire($name: String!, $department: Int!, $role: Int!) { hire(name: $name, department: $department, role: $role) "
                   "{ employee { id name department { name } role { name } } } }", name=f"New {person}", department=person + 1, role=person % 8 + 1)
        ask("mutation Rename($id: ID!, $name: String!) { rename(id: $id, name: $name) { employee { id name } } }",
            id=made["hire"]["employee"]["id"], name=f"Settled {person}")
