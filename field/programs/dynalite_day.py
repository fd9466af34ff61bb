"""A shop's tables by DynamoDB's protocol: made, filled, read, queried, changed and scanned. dynalite_day.py URL [fill]"""

import json
import sys
import time
import urllib.error
import urllib.request

url, only_fill = sys.argv[1], len(sys.argv) > 2
headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Date": "20260101T000000Z",
           "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"}


def ask(action, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {**headers, "X-Amz-Target": f"DynamoDB_20120810.{action}"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        print(action, error.code, error.read()[:150])
        return {}


for n in range(12 if only_fill else 2):
    ask("CreateTable", {"TableName": f"orders{n}", "BillingMode": "PAY_PER_REQUEST",
                        "AttributeDefinitions": [{"AttributeName": "person", "AttributeType": "S"}, {"AttributeName": "number", "AttributeType": "N"}],
                        "KeySchema": [{"AttributeName": "person", "KeyType": "HASH"}, {"AttributeName": "number", "KeyType": "RANGE"}]})
time.sleep(2)
for table in ("orders0", "orders1"):
    for n in range(60):
        ask("PutItem", {"TableName": table, "Item": {"person": {"S": f"person{n % 6}"}, "number": {"N": str(n)}, "amount": {"N": str(n * 7)}}})
if only_fill:
    sys.exit()
for turn in range(10):
    for person in range(6):
        ask("Query", {"TableName": "orders0", "KeyConditionExpression": "person = :p", "ExpressionAttributeValues": {":p": {"S": f"person{person}"}}})
        key = {"person": {"S": f"person{person}"}, "number": {"N": str(person + 6 * turn)}}
        ask("GetItem", {"TableName": "orders0", "Key": key})
        ask("UpdateItem", {"TableName": "orders0", "Key": key, "UpdateExpression": "SET amount = amount + :n", "ExpressionAttributeValues": {":n": {"N": "1"}}})
        ask("PutItem", {"TableName": "orders0", "Item": key, "ConditionExpression": "attribute_not_exists(person)"})
    ask("Scan", {"TableName": "orders1", "Limit": 25})
    ask("BatchGetItem", {"RequestItems": {"orders1": {"Keys": [{"person": {"S": f"person{n % 6}"}, "number": {"N": str(n)}} for n in range(20)]}}})
    ask("DescribeTable", {"TableName": "orders0"})
    ask("ListTables", {})
    ask("DeleteItem", {"TableName": "orders1", "Key": {"person": {"S": f"person{turn % 6}"}, "number": {"N": str(turn)}}})
