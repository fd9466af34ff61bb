"""Both ways that the tutorials show: plain lists with resolvers, and Relay's connections with filters."""

import graphene
from graphene import relay
from graphene_django import DjangoObjectType
from graphene_django.filter import DjangoFilterConnectionField

from .models import Amount, Category, Ingredient, Recipe


class CategoryNode(DjangoObjectType):
    class Meta:
        model = Category
        fields = ("name", "ingredients")
        filter_fields = ["name", "ingredients"]
        interfaces = (relay.Node,)


class IngredientNode(DjangoObjectType):
    class Meta:
        model = Ingredient
        fields = ("name", "notes", "category", "used_by")
        filter_fields = {"name": ["exact", "icontains", "istartswith"], "notes": ["exact", "icontains"], "category": ["exact"], "category__name": ["exact"]}
        interfaces = (relay.Node,)


class RecipeNode(DjangoObjectType):
    class Meta:
        model = Recipe
        fields = ("title", "instructions", "amounts")
        filter_fields = {"title": ["exact", "icontains"]}
        interfaces = (relay.Node,)


class AmountNode(DjangoObjectType):
    class Meta:
        model = Amount
        fields = ("recipe", "ingredient", "quantity", "unit")
        filter_fields = {"ingredient__name": ["exact", "icontains"], "recipe": ["exact"]}
        interfaces = (relay.Node,)


class Query(graphene.ObjectType):
    category = relay.Node.Field(CategoryNode)
    all_categories = DjangoFilterConnectionField(CategoryNode)
    ingredient = relay.Node.Field(IngredientNode)
    all_ingredients = DjangoFilterConnectionField(IngredientNode)
    recipe = relay.Node.Field(RecipeNode)
    all_recipes = DjangoFilterConnectionField(RecipeNode)
    ingredients_list = graphene.List(IngredientNode)
    category_by_name = graphene.Field(CategoryNode, name=graphene.String(required=True))

    def resolve_ingredients_list(root, info):
        return Ingredient.objects.select_related("category").all()

    def resolve_category_by_name(root, info, name):
        return Category.objects.filter(name=name).first()


class CreateIngredient(relay.ClientIDMutation):
    class Input:
        name = graphene.String(required=True)
        notes = graphene.String()
        category = graphene.ID(required=True)

    ingredient = graphene.Field(IngredientNode)

    @classmethod
    def mutate_and_get_payload(cls, root, info, name, category, notes=""):
        found = relay.Node.get_node_from_global_id(info, category, only_type=CategoryNode)
        return cls(ingredient=Ingredient.objects.create(name=name, notes=notes, category=found))


class RenameRecipe(graphene.Mutation):
    class Arguments:
        id = graphene.ID(required=True)
        title = graphene.String(required=True)

    recipe = graphene.Field(RecipeNode)

    def mutate(root, info, id, title):
        recipe = relay.Node.get_node_from_global_id(info, id, only_type=RecipeNode)
        recipe.title = title
        recipe.save()
        return RenameRecipe(recipe=recipe)


class Mutation(graphene.ObjectType):
    create_ingredient = CreateIngredient.Field()
    rename_recipe = RenameRecipe.Field()


schema = graphene.Schema(query=Query, mutation=Mutation)
