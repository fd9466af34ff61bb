"""Departments, employees and roles as the package's Flask example has them, in PostgreSQL: graphene_company.py DATABASE-PORT PORT"""

import sys

import graphene
from flask import Flask, jsonify, request
from graphene import relay
from graphene_sqlalchemy import SQLAlchemyConnectionField, SQLAlchemyObjectType
from sqlalchemy import Column, DateTime, ForeignKey, Integer, String, create_engine, func
from sqlalchemy.orm import backref, declarative_base, relationship, scoped_session, sessionmaker

engine = create_engine(f"postgresql+psycopg2://field@127.0.0.1:{sys.argv[1]}/field")
session = scoped_session(sessionmaker(autocommit=False, autoflush=False, bind=engine))
Base = declarative_base()
Base.query = session.query_property()


class Department(Base):
    __tablename__ = "department"
    id = Column(Integer, primary_key=True)
    name = Column(String)


class Role(Base):
    __tablename__ = "roles"
    role_id = Column(Integer, primary_key=True)
    name = Column(String)


class Employee(Base):
    __tablename__ = "employee"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    hired_on = Column(DateTime, default=func.now())
    department_id = Column(Integer, ForeignKey("department.id"))
    role_id = Column(Integer, ForeignKey("roles.role_id"))
    department = relationship(Department, backref=backref("employees", uselist=True, cascade="delete,all"))
    role = relationship(Role, backref=backref("roles", uselist=True, cascade="delete,all"))


class DepartmentNode(SQLAlchemyObjectType):
    class Meta:
        model = Department
        interfaces = (relay.Node,)


class EmployeeNode(SQLAlchemyObjectType):
    class Meta:
        model = Employee
        interfaces = (relay.Node,)


class RoleNode(SQLAlchemyObjectType):
    class Meta:
        model = Role
        interfaces = (relay.Node,)


class Hire(graphene.Mutation):
    class Arguments:
        name = graphene.String(required=True)
        department = graphene.Int(required=True)
        role = graphene.Int(required=True)

    employee = graphene.Field(lambda: EmployeeNode)

    def mutate(self, info, name, department, role):
        employee = Employee(name=name, department_id=department, role_id=role)
        session.add(employee)
        session.commit()
        return Hire(employee=employee)


class Rename(graphene.Mutation):
    class Arguments:
        id = graphene.ID(required=True)
        name = graphene.String(required=True)

    employee = graphene.Field(lambda: EmployeeNode)

    def mutate(self, info, id, name):
        employee = relay.Node.get_node_from_global_id(info, id, only_type=EmployeeNode)
        employee.name = name
        session.commit()
        return Rename(employee=employee)


class Query(graphene.ObjectType):
    node = relay.Node.Field()
    all_employees = SQLAlchemyConnectionField(EmployeeNode.connection)
    all_roles = SQLAlchemyConnectionField(RoleNode.connection)
    all_departments = SQLAlchemyConnectionField(DepartmentNode.connection, sort=None)


class Mutation(graphene.ObjectType):
    hire = Hire.Field()
    rename = Rename.Field()


schema = graphene.Schema(query=Query, mutation=Mutation)
app = Flask(__name__)


@app.post("/graphql")
def graphql():
    asked = request.get_json()
    result = schema.execute(asked["query"], variable_values=asked.get("variables"), context_value={"session": session})
    return jsonify(data=result.data, errors=[str(error) for error in result.errors or []])


@app.teardown_appcontext
def shutdown_session(exception=None):
    session.remove()


Base.metadata.create_all(engine)
departments = [Department(name=f"Department {n}") for n in range(15)]
roles = [Role(name=f"Role {n}") for n in range(8)]
session.add_all(departments + roles)
session.add_all(Employee(name=f"Employee {n}", department=departments[n % 15], role=roles[n % 8]) for n in range(240))
session.commit()
session.remove()
app.run(port=int(sys.argv[2]), threaded=True)
