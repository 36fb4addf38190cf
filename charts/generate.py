#!/usr/bin/env python3
"""Makes what follows from the chart's values and the agent's settings: values.schema.json, docs/values.md, and with helm
the plain manifests in deploy/.

usage: generate.py HOWDAH [--helm HELM] [--check]

HOWDAH is the program, which prints its settings as JSON Schema. With --check nothing is written: what is old is named
and the exit status is 1. The help of a value is the comment above it; a comment line that begins with "schema:" adds
to what the default says about the type.
"""
import json
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "howdah"
TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
LINE = re.compile(r"^( *)(- )?([A-Za-z][\w-]*):( |$)")


def read_comments(text):
    """{path: (help, schema)} of the mappings in values.yaml, by the comment right above each key."""
    found, path, comment = {}, [], []
    for line in text.splitlines():
        stripped = line.strip()
        key = LINE.match(line)
        if stripped.startswith("#"):
            comment.append(stripped[1:].strip())
            continue
        if key and not key.group(2):
            depth = len(key.group(1)) // 2
            path = path[:depth] + [key.group(3)]
            lines = [c for c in comment if not c.startswith("schema:")]
            more = [yaml.safe_load(c[len("schema:"):]) for c in comment if c.startswith("schema:")]
            found[tuple(path)] = (" ".join(lines), more[0] if more else {})
        comment = []
    return found


def own_type(value, more):
    if "$ref" in more or "type" in more:
        return {}
    if "enum" in more or value is None:
        return {}
    return {"type": TYPES[type(value)]}


def schema_of(value, path, comments):
    text, more = comments.get(path, ("", {}))
    schema = {"description": text} if text else {}
    if isinstance(value, dict) and value and not more.get("free"):
        schema.update(type="object", additionalProperties=False)
        schema["properties"] = {key: schema_of(item, (*path, key), comments) for key, item in value.items()}
        return schema
    more = {key: item for key, item in more.items() if key != "free"}
    schema.update(own_type(value, more))
    if "$ref" in more:  # draft 7 ignores what stands beside a reference
        schema["allOf"] = [{"$ref": more.pop("$ref")}]
    schema.update(more)
    return schema


def make_schema(values, comments, definitions):
    schema = schema_of(values, (), comments)
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the howdah chart",
                       **schema, "definitions": definitions}, indent=1, ensure_ascii=False) + "\n"


def shown(value):
    if value in ("", None, {}, []):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace('`"', "`").replace('"`', "`").replace("|", "\\|")


def allowed(schema):
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"] if not isinstance(word, bool))
    kind = schema.get("type", "")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    bounds = [f"{word} {schema[name]}" for word, name in (("at least", "minimum"), ("at most", "maximum")) if name in schema]
    return ", ".join(filter(None, [kind, *bounds]))


def rows(values, path, comments, definitions):
    for key, value in values.items():
        here = (*path, key)
        text, more = comments.get(here, ("", {}))
        if isinstance(value, dict) and value and not more.get("free"):
            yield from rows(value, here, comments, definitions)
            continue
        schema = schema_of(value, here, comments)
        for part in schema.get("allOf", []):
            schema = {**resolve(part["$ref"], definitions), **schema}
        yield f"| `{'.'.join(here)}` | {allowed(schema)} | {shown(value)} | {text} |"


def resolve(reference, definitions):
    at = {"definitions": definitions}
    for part in reference.removeprefix("#/").split("/"):
        at = at[part]
    return at


def make_page(values, comments, definitions):
    head = """# Values of the chart

Generated from `charts/howdah/values.yaml` by `make chart-files`; do not edit. `helm install` refuses a value that does not fit and names it.
How to install: [install.md](install.md). What `howdah.config` may hold: [settings.md](settings.md).

| value | type | default | what it is |
|---|---|---|---|
"""
    return head + "\n".join(rows(values, (), comments, definitions)) + "\n"


def missing_help(values, path, comments):
    """Paths of values that have no comment."""
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict) and value and not comments.get(here, ("", {}))[1].get("free"):
            yield from missing_help(value, here, comments)
        elif not comments.get(here, ("",))[0]:
            yield ".".join(here)


PLAIN = {
    "base": {},
    "endpoints": {"mode": "endpoints"},
    "slice": {"route": "slice"},
}
PLAIN_HEAD = """# Generated from charts/howdah by `make chart-files`; do not edit. See deploy/README.md.
"""
OF_HELM = re.compile(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n|^ *namespace: \S*to-be-chosen\S*\n|^# Source: .*\n", re.M)


def make_manifests(helm):
    """One cluster named howdah, its passwords in a Secret of that name that is made by hand."""
    for name, values in PLAIN.items():
        command = [helm, "template", "howdah", str(CHART), "--kube-version", "1.29", "--namespace", "to-be-chosen", "--values", "-"]
        values = {"auth": {"existingSecret": "howdah", "username": "app"}, **values}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, input=yaml.safe_dump(values))
        yield ROOT / "deploy" / name / "howdah.yaml", PLAIN_HEAD + OF_HELM.sub("", done.stdout)


def make_all(howdah, helm=None):
    text = (CHART / "values.yaml").read_text()
    values, comments = yaml.safe_load(text), read_comments(text)
    without = list(missing_help(values, (), comments))
    if without:
        raise SystemExit("values.yaml: no help for " + ", ".join(without))
    printed = subprocess.run([howdah, "--settings-schema"], check=True, stdout=subprocess.PIPE, text=True).stdout
    definitions = json.loads(printed)
    made = {CHART / "values.schema.json": make_schema(values, comments, definitions),
            ROOT / "docs" / "values.md": make_page(values, comments, definitions)}
    return {**made, **dict(make_manifests(helm) if helm else ())}


def main(arguments):
    helm = arguments[arguments.index("--helm") + 1] if "--helm" in arguments else None
    made = make_all(arguments[0], helm)
    old = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in old:
            print(f"{path.relative_to(ROOT)} is old: make chart-files", file=sys.stderr)
        return 1 if old else 0
    for path in old:
        path.write_text(made[path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
