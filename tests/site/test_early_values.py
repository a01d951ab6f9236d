"""Configurations that tofu cannot read without the values of variables."""

import json
from pathlib import Path

import pytest

from terrakube_site.terraform.configuration.early_values import needs_values_early

INNER = {"main.tf": 'module "a" {\n  source = "./x"\n}\n', "x/main.tf": 'module "b" { source = local.where }\n'}


@pytest.mark.parametrize(
    ("files", "early"),
    [
        ({"main.tf": "terraform {\n  encryption {\n    state {}\n  }\n}\n"}, True),
        ({"main.tf": 'module "a" { source = "./${var.which}" }\n'}, True),
        ({"main.tofu": 'module "a" {\n  source = "./x"\n  version = var.version\n}\n'}, True),
        (INNER, True),
        ({"main.tf.json": '{"module": {"a": {"source": "./${var.which}"}}}'}, True),
        ({"main.tf.json": '{"terraform": {"encryption": {}}}'}, True),
        ({"main.tf": 'provider "a" {\n  alias = "b"\n  for_each = var.regions\n}\n'}, True),
        ({"main.tf.json": '{"provider": {"a": [{}, {"alias": "b", "for_each": "${var.regions}"}]}}'}, True),
        ({"main.tf": 'provider "a" {\n  region = var.region\n}\n'}, False),
        ({"main.tf": 'module "a" { source = "./x" }\nresource "b" "c" { source = var.which }\n'}, False),
        ({"main.tf.json": '{"module": {"a": {"source": "./x", "version": "1.0"}}}'}, False),
        ({"main.tf": "# encryption {\n"}, False),
    ],
)
def test_sources_of_modules_encryption_and_instances_of_providers_need_values_early(
    files: dict[str, str], early: bool, tmp_path: Path
) -> None:
    listed = {"Modules": [{"Dir": "."}, {"Dir": "x"}]}
    for name, text in {**files, ".terraform/modules/modules.json": json.dumps(listed)}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert needs_values_early(tmp_path, tmp_path / ".terraform") is early
