"""What a new cluster gets for the application: role, database, and SQL that runs once."""
APP = {"app_user": "shop", "app_password": "geheim-app", "app_database": "Shop \"1\""}
SQL = "CREATE TABLE made (at timestamptz); INSERT INTO made VALUES (now()); CREATE ROLE helper PASSWORD 'geheim-helper' -- the end"


def begin(members, sql, **settings):
    """A new primary whose roles are not made yet."""
    a = members("pg-0", howdah={"init_sql": sql}, parameters={"log_statement": "all", "log_min_duration_statement": 0}, **settings)
    a.wait(lambda s: s["data"] == "empty")
    a.do("initdb")
    a.say("deadline", 20000)
    a.wait(lambda s: s["deadline"])
    a.do("primary")
    return a


def test_a_new_cluster_gets_role_database_and_sql(members):
    a = begin(members, SQL, **APP)
    a.do("post_bootstrap")
    assert a.sql("SELECT datname, datdba::regrole FROM pg_database WHERE datname LIKE 'Shop%'") == 'Shop "1"|shop'
    assert a.sql("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'shop'") == "t|f"
    assert a.sql("SELECT count(*) FROM made", 'Shop "1"') == "1"
    assert a.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'helper'") == "1"
    log = a.tail() + "".join(p.read_text(errors="replace") for p in a.data.glob("log/*"))
    assert "geheim" not in log


def test_a_bootstrap_gone_through_again_runs_the_sql_once(members):
    a = begin(members, SQL, **APP)
    a.do("post_bootstrap")
    a.detach()
    a.attach()
    a.wait(lambda s: s["tree"] == "primary" and s["answers"])
    a.do("post_bootstrap")
    assert a.sql("SELECT count(*) FROM made", 'Shop "1"') == "1"


def test_sql_that_fails_leaves_nothing_and_is_named(members):
    a = begin(members, "CREATE TABLE half (); SELECT 1/0")
    state = a.fails("post_bootstrap")
    assert "howdah.init_sql" in state["failure"] and "division by zero" in state["failure"]
    assert a.sql("SELECT to_regclass('half')") == ""
    a.say("local", '{"howdah": {"init_sql": "CREATE TABLE whole ()"}}')
    a.wait(lambda s: True)
    a.do("post_bootstrap")
    assert a.sql("SELECT to_regclass('whole')") == "whole"
