"""Targets, replacements, refresh-only and plans without a refresh."""

from dataclasses import replace

from tests.configurations.case import APPLY, DESTROY, PLAN, Case, Round

_MAIN = """
locals { version = "VERSION" }
resource "terraform_data" "dep" { input = local.version }
resource "terraform_data" "a" { input = [local.version, terraform_data.dep.id] }
resource "terraform_data" "b" { input = local.version }
resource "terraform_data" "each" {
  for_each = toset(["x", "y"])
  input    = "${each.key} ${local.version}"
}
module "inside" {
  source  = "./inside"
  version_ = local.version
}
output "versions" { value = [terraform_data.a.output[0], terraform_data.b.output, module.inside.made] }
"""
_INSIDE = """
variable "version_" {}
resource "terraform_data" "made" { input = var.version_ }
output "made" { value = terraform_data.made.output }
"""


def _scoped(name: str, *rounds: Round, change: bool = True, everyday: bool = False) -> Case:
    first, *rest = rounds
    changed = {"main.tf": _MAIN.replace("VERSION", "two")} if change else {}
    then = (replace(first, files=changed), *rest)
    files = {"main.tf": _MAIN.replace("VERSION", "one"), "inside/main.tf": _INSIDE}
    return Case(name=name, files=files, rounds=(APPLY, *then), everyday=everyday)


CASES = (
    _scoped("one-target", Round(targets=("terraform_data.a",)), PLAN, everyday=True),
    _scoped("targets-of-instances-and-modules", Round(targets=('terraform_data.each["x"]', "module.inside"))),
    _scoped("target-without-a-stored-plan", Round(targets=("terraform_data.b",), stored=False)),
    _scoped("target-of-a-plan", Round(command="plan", targets=("terraform_data.b",)), change=False),
    _scoped("target-that-is-not-there", Round(targets=("terraform_data.none",)), everyday=True),
    _scoped(
        "destroy-of-a-target",
        Round(command="destroy", targets=("terraform_data.dep",)),
        PLAN,
        change=False,
        everyday=True,
    ),
    _scoped(
        "replacement",
        Round(replaces=("terraform_data.a", 'terraform_data.each["y"]'), stored=True),
        change=False,
        everyday=True,
    ),
    _scoped("replacement-beside-other-changes", Round(replaces=("terraform_data.a",), stored=True)),
    _scoped(
        "replacement-within-a-target", Round(targets=("terraform_data.b",), replaces=("terraform_data.b",), stored=True)
    ),
    _scoped("refresh-only", Round(refresh_only=True)),
    _scoped("without-a-refresh", Round(refresh=False), DESTROY),
)
