"""What docs/operations.md says of backups, to be run as it stands there."""
import pathlib

import yaml

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "operations.md"
REPLACED = {"program": "pgbackrest --stanza=shop", "moment": "2026-11-25 00:47:51+00", "script": "/backup/restore", "wal": "/backup/wal"}


def documented(number, **replaced):
    """The configuration in one of its parts, but for paths and moments."""
    text = PAGE.read_text(encoding="utf-8").split("\n## Backups\n")[1].split("```yaml\n")[number].split("```")[0]
    for old, new in replaced.items():
        assert REPLACED[old] in text
        text = text.replace(REPLACED[old], new)
    return yaml.safe_load(text)["howdah"]["config"]
