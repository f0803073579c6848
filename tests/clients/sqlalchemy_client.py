"""SQLAlchemy 2 over psycopg: create_all, reflection, the inspector, the ORM, drop_all; a rolled back definition."""
import decimal
import sys

import sqlalchemy as sa
from sqlalchemy import orm

engine = sa.create_engine(f"postgresql+psycopg://tidewater@127.0.0.1:{sys.argv[1]}/tidewater", pool_pre_ping=True)
metadata = sa.MetaData()
thing = sa.Table(
    "alchemy_thing",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(20), nullable=False, comment="what it is called"),
    sa.Column("amount", sa.Numeric(10, 2)),
    sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.UniqueConstraint("name", name="alchemy_thing_name"),
    sa.CheckConstraint("amount > 0", name="alchemy_thing_amount"),
    sa.Index("alchemy_thing_pair", "amount", "name"),
    comment="things",
)
metadata.drop_all(engine)
metadata.create_all(engine)
metadata.create_all(engine)

inspector = sa.inspect(engine)
assert inspector.get_pk_constraint("alchemy_thing")["constrained_columns"] == ["id"]
indexes = {index["name"]: index["column_names"] for index in inspector.get_indexes("alchemy_thing")}
assert indexes == {"alchemy_thing_name": ["name"], "alchemy_thing_pair": ["amount", "name"]}, indexes
assert [one["column_names"] for one in inspector.get_unique_constraints("alchemy_thing")] == [["name"]]
assert inspector.get_foreign_keys("alchemy_thing") == []
assert [one["name"] for one in inspector.get_check_constraints("alchemy_thing")] == ["alchemy_thing_amount"]
assert inspector.get_table_comment("alchemy_thing") == {"text": "things"}
columns = {column["name"]: column for column in inspector.get_columns("alchemy_thing")}
assert isinstance(columns["name"]["type"], sa.VARCHAR) and columns["name"]["type"].length == 20
assert not columns["name"]["nullable"] and columns["name"]["comment"] == "what it is called"
assert columns["id"]["default"] == "nextval('alchemy_thing_id_seq'::regclass)", columns["id"]
assert inspector.get_domains() == []
reflected = sa.MetaData()
reflected.reflect(engine, views=True)
assert [column.name for column in reflected.tables["alchemy_thing"].primary_key] == ["id"]


class Base(orm.DeclarativeBase):
    pass


class Thing(Base):
    __table__ = thing


with orm.Session(engine) as session:
    first = Thing(name="first", amount=decimal.Decimal("1.50"))
    session.add(first)
    session.add_all([Thing(name=f"n{i}") for i in range(50)])
    session.commit()
    assert first.id is not None and first.made is not None
    first.name = "other"
    session.commit()
    session.delete(first)
    session.commit()
    assert session.query(Thing).filter(Thing.name.like("n1%")).count() == 11

with engine.connect() as connection:
    connection.execute(sa.text("ALTER TABLE alchemy_thing ADD COLUMN extra INTEGER DEFAULT 1"))
    connection.execute(sa.text("CREATE TABLE alchemy_made (x INTEGER)"))
    connection.rollback()
assert "extra" not in [column["name"] for column in sa.inspect(engine).get_columns("alchemy_thing")]
assert not sa.inspect(engine).has_table("alchemy_made")
metadata.drop_all(engine)
assert not sa.inspect(engine).has_table("alchemy_thing")
