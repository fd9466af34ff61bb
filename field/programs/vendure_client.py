"""Customers of a Vendure shop, as its storefronts ask: collections, search, products, carts and checkout; and a keeper's lists.

    vendure_client.py URL
"""

import json
import random
import sys
import time
import urllib.error
import urllib.request

drawn = random.Random(7)


class Client:
    def __init__(self, api):
        self.url, self.token = f"{sys.argv[1]}/{api}", None

    def ask(self, query, **variables):
        time.sleep(0.05)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        name = query.split("(")[0].split("{")[0].split()[1]
        body = json.dumps({"query": query, "variables": variables, "operationName": name}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(self.url, body, headers), timeout=60) as answer:
                self.token = answer.headers.get("vendure-auth-token") or self.token
                told = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            print(name, error.code, error.read()[:300])
            return {}
        if told.get("errors"):
            print(name, str(told["errors"])[:300])
        return told.get("data") or {}


ORDER = "fragment Cart on Order { id code state totalWithTax shippingWithTax lines { id quantity linePriceWithTax featuredAsset { preview } productVariant { id name sku product { slug } } } discounts { description amountWithTax } }"
for number in range(12):
    shop = Client("shop-api")
    shop.ask("query Collections { collections(options: { topLevelOnly: true }) { items { id slug name parent { name } featuredAsset { preview } children { id name slug } } } }")
    found = shop.ask("query Search($input: SearchInput!) { search(input: $input) { totalItems items { productId slug productName priceWithTax { ... on PriceRange { min max } } productAsset { preview } } facetValues { count facetValue { id name facet { id name } } } collections { count collection { id name } } } }",
                     input={"groupByProduct": True, "take": 24, "term": drawn.choice(["", "", "la", "ca", "bo"])})
    items = (found.get("search") or {}).get("items") or []
    variants = []
    for item in drawn.sample(items, min(4, len(items))):
        product = shop.ask("query Product($slug: String!) { product(slug: $slug) { id name description facetValues { name facet { code name } } collections { id slug name breadcrumbs { id name slug } } assets { preview } optionGroups { name options { name } } variants { id name sku priceWithTax stockLevel options { id name } featuredAsset { preview } } } }", slug=item["slug"]).get("product") or {}
        variants += [one["id"] for one in product.get("variants", [])][:2]
    shop.ask("query Products { products(options: { take: 20 }) { totalItems items { id name slug featuredAsset { preview } facetValues { name } variants { id sku priceWithTax } collections { name } } } }")
    for variant in variants[:4]:
        shop.ask("mutation Add($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) { __typename ... on Order { ...Cart } ... on ErrorResult { message } } } " + ORDER, id=variant)
    shop.ask("query ActiveOrder { activeOrder { ...Cart } } " + ORDER)
    shop.ask("mutation Who($input: CreateCustomerInput!) { setCustomerForOrder(input: $input) { __typename } }", input={"firstName": "Person", "lastName": str(number), "emailAddress": f"person{number}@example.com"})
    shop.ask("mutation Where($input: CreateAddressInput!) { setOrderShippingAddress(input: $input) { __typename } }", input={"streetLine1": "1 Street", "city": "Town", "postalCode": "1000", "countryCode": "GB"})
    methods = shop.ask("query Methods { eligibleShippingMethods { id name priceWithTax } eligiblePaymentMethods { id code isEligible } }")
    if methods.get("eligibleShippingMethods"):
        shop.ask("mutation How($id: [ID!]!) { setOrderShippingMethod(shippingMethodId: $id) { __typename ... on Order { ...Cart } } } " + ORDER, id=[methods["eligibleShippingMethods"][0]["id"]])
        shop.ask("mutation Next { transitionOrderToState(state: \"ArrangingPayment\") { __typename } }")
        if methods.get("eligiblePaymentMethods"):
            shop.ask("mutation Pay($input: PaymentInput!) { addPaymentToOrder(input: $input) { __typename ... on Order { code state } ... on ErrorResult { message } } }", input={"method": methods["eligiblePaymentMethods"][0]["code"], "metadata": {}})
keeper = Client("admin-api")
keeper.ask("mutation Login { login(username: \"superadmin\", password: \"superadmin\") { __typename } }")
for _ in range(4):
    orders = keeper.ask("query Orders { orders(options: { take: 20 }) { totalItems items { id code state totalWithTax customer { id firstName lastName } shippingLines { shippingMethod { name } } } } }").get("orders") or {}
    for order in (orders.get("items") or [])[:4]:
        keeper.ask("query Order($id: ID!) { order(id: $id) { id code state totalWithTax customer { id emailAddress } lines { id quantity featuredAsset { preview } productVariant { id name sku stockLevels { stockOnHand stockLocation { name } } } fulfillmentLines { quantity } } payments { id amount state } fulfillments { id state } history { items { type createdAt } } } }", id=order["id"])
    products = keeper.ask("query ProductList { products(options: { take: 25 }) { totalItems items { id name slug enabled featuredAsset { preview } variantList { totalItems } } } }").get("products") or {}
    for product in (products.get("items") or [])[:4]:
        keeper.ask("query ProductDetail($id: ID!) { product(id: $id) { id name translations { languageCode name } facetValues { id name facet { name } } collections { id name } optionGroups { id name options { name } } channels { code } variants { id name sku price stockOnHand stockLevels { stockOnHand } options { name group { name } } taxCategory { name } } } }", id=product["id"])
    keeper.ask("query Variants { productVariants(options: { take: 50 }) { items { id name sku priceWithTax stockLevels { stockOnHand stockAllocated } product { name } } } }")
    keeper.ask("query CollectionList { collections(options: { take: 50 }) { items { id name parentId breadcrumbs { name } productVariantCount: productVariants { totalItems } } } }")
    keeper.ask("query Customers { customers(options: { take: 20 }) { items { id emailAddress user { id verified } orders { totalItems } groups { name } } } }")
    keeper.ask("query Facets { facets { items { id name isPrivate values { id name } } } }")
